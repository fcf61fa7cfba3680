"""A prepared instance as a worker would hand it back, made up."""

from __future__ import annotations

from watcher.model import ImageFields, Prepared, Signature, SpoolFile, StudyFields


def prepared(
    sha256: str,
    *,
    uid: str | None = None,
    signature: Signature = Signature(2**63 + 5, 2**64 - 1, 10, 1),  # noqa: B008 - frozen
) -> Prepared:
    """Pseudonyms and names only; nothing of it is on disk."""
    image = ImageFields(
        image_instance_uid="2.25.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        height=2,
        width=3,
        rescale_slope=1.0,
        rescale_intercept=0.0,
        photometric_interpretation="MONOCHROME2",
        samples_per_pixel=1,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        text=SpoolFile("x.png.txt", 4, "00"),
        png=SpoolFile("x.png", 3, "11"),
    )
    return Prepared(
        source_digest=sha256,
        content_key=f"key-of-{sha256}",
        signature=signature,
        uid_digest=uid or f"uid-of-{sha256}",
        study=StudyFields("2.25.2", "2.25.3", "A1", "P1", "018Y"),
        images=(image,),
        dcm=SpoolFile("x.dcm", 5, "22"),
        recipe="base-1",
        key_id="k1",
        verdict="clean",
        steps_ms={"scrub": 1.5},
    )
