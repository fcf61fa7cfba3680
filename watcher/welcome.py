"""A customer's first file: the key is there before anything is written down."""

from __future__ import annotations

from watcher.errors import ConfigError, DeferredError
from watcher.model import Reason
from watcher.observe.log import Log
from watcher.scrub.keys import make_key
from watcher.store.spool import Spool, room, sync_folder


def welcome(customer: str, spool: Spool, log: Log) -> None:
    """Make the customer's key, once. Raises DeferredError when the disk does not take it now."""
    if spool.key_of(customer).exists():
        with room():  # whoever made it may have failed or died before its name was durable
            sync_folder(spool.key_of(customer).parent)
        return
    try:
        make_key(spool.key_of(customer))
    except ConfigError:
        log.event("key-not-made", level="error", customer=customer)
        raise DeferredError(Reason.UNREADABLE, "key") from None
    log.event("key-made", customer=customer)
