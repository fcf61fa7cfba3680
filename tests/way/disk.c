/* A disk that fails on purpose, preloaded below the real programs (LD_PRELOAD).
 *
 * Every file operation below DISK_ROOT is counted in the control page DISK_CONTROL, which all
 * processes share. At a chosen count the power is cut: the gateway and whoever touches the disk
 * next die at once. At chosen counts an operation fails with a chosen errno instead of being done.
 * What fsync(2) made durable is kept below DISK_KEPT: the bytes of a file, the names of a folder,
 * and a journal of both in their order. Nothing else has survived a power cut. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENS = 1, GROWS = 2, READS = 4, CHANGES = 8 };

struct control {
    long changes;     /* operations that change something: the clock of the power cut */
    long cut_at;      /* power goes at this change; 0: never */
    long dead;
    long gateway;     /* the process that dies first */
    long kinds;       /* which operations are counted below and may fail */
    long eligible;
    long fail_every;  /* 0: none; else each eligible one with eligible % fail_every == fail_phase */
    long fail_phase;
    long fail_errno;
    long failed;
    long snapshots;
    char only[32];    /* "": everywhere; else only where the path has this in it */
};

static struct control *control;
static const char *root;
static const char *kept;
static size_t root_length;

static void begin(void) __attribute__((constructor));
static void begin(void) {
    const char *page = getenv("DISK_CONTROL");
    root = getenv("DISK_ROOT");
    kept = getenv("DISK_KEPT");
    if (!page || !root) return;
    root_length = strlen(root);
    int descriptor = syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (map != MAP_FAILED) control = map;
}

static __thread int chosen; /* whether the operation at hand is where operations may fail */

static int below(const char *path) {
    chosen = strstr(path, control->only) != NULL;
    return strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int handle_below(int descriptor) {
    char link[64], path[4096];
    if (!control) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

static int path_below(int folder, const char *path) {
    int number;
    if (!control || !path) return 0;
    if (sscanf(path, "/proc/self/fd/%d", &number) == 1) return handle_below(number);
    if (path[0] == '/') return below(path);
    if (folder != AT_FDCWD) return handle_below(folder);
    char here[4096];
    return getcwd(here, sizeof here) && below(here);
}

static void die(void) {
    if (control->gateway > 0 && control->gateway != getpid()) kill(control->gateway, SIGKILL);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Count one operation. Returns an errno when it is to fail, else 0. */
static int meet(int kinds) {
    if (control->dead) die();
    if (kinds & CHANGES) {
        long now = __atomic_add_fetch(&control->changes, 1, __ATOMIC_SEQ_CST);
        if (control->cut_at && now >= control->cut_at) {
            control->dead = 1;
            die();
        }
    }
    if (!(kinds & control->kinds) || !chosen) return 0;
    long count = __atomic_add_fetch(&control->eligible, 1, __ATOMIC_SEQ_CST);
    if (!control->fail_every || count % control->fail_every != control->fail_phase) return 0;
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    return (int)control->fail_errno;
}

#define MEET(kinds) do { int e = meet(kinds); if (e) { errno = e; return -1; } } while (0)
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* -- what is kept ------------------------------------------------------------------------------ */

static void note(const char *line) {
    char path[4096];
    snprintf(path, sizeof path, "%s/journal", kept);
    int out = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (out < 0) return;
    if (syscall(SYS_write, out, line, strlen(line)) < 0) abort();
    syscall(SYS_close, out);
}

static void note_new(int folder, const char *path) {
    struct stat status;
    char line[128];
    if (!kept || fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW)) return;
    snprintf(line, sizeof line, "N %lu 0\n", (unsigned long)status.st_ino);
    note(line);
}

static void copy(int source, int target) {
    static __thread char block[1 << 16];
    off_t at = 0;
    ssize_t length;
    while ((length = syscall(SYS_pread64, source, block, sizeof block, at)) > 0) {
        if (syscall(SYS_write, target, block, length) != length) abort();
        at += length;
    }
}

static void list(int source, int target) {
    char block[1 << 15];
    lseek(source, 0, SEEK_SET);
    long length;
    while ((length = syscall(SYS_getdents64, source, block, sizeof block)) > 0) {
        for (long at = 0; at < length;) {
            struct dirent64 *entry = (struct dirent64 *)(block + at);
            at += entry->d_reclen;
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            dprintf(target, "%c %lu %s%c", entry->d_type == DT_DIR ? 'd' : 'f',
                    (unsigned long)entry->d_ino, entry->d_name, 0);
        }
    }
}

static void keep(int descriptor) {
    struct stat status;
    char own[64], path[4096], line[128];
    if (!kept || fstat(descriptor, &status)) return;
    long number = __atomic_add_fetch(&control->snapshots, 1, __ATOMIC_SEQ_CST);
    snprintf(path, sizeof path, "%s/%ld", kept, number);
    snprintf(own, sizeof own, "/proc/self/fd/%d", descriptor);
    int folder = S_ISDIR(status.st_mode);
    /* Closing another descriptor of the ledger would drop all locks that this process has on it. */
    int readable = !folder && (fcntl(descriptor, F_GETFL) & O_ACCMODE) == O_RDWR;
    int source = readable ? descriptor
        : syscall(SYS_openat, AT_FDCWD, own, O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : 0));
    int target = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (source < 0 || target < 0) abort();
    if (folder) list(source, target); else copy(source, target);
    if (!readable) syscall(SYS_close, source);
    syscall(SYS_close, target);
    snprintf(line, sizeof line, "%c %lu %ld\n", folder ? 'D' : 'F', (unsigned long)status.st_ino, number);
    note(line);
}

/* -- the operations ---------------------------------------------------------------------------- */

static int opened(int folder, const char *path, int flags, mode_t mode) {
    if (!path_below(folder, path)) return syscall(SYS_openat, folder, path, flags, mode);
    struct stat status;
    int creates = (flags & O_CREAT) && fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW);
    int changes = creates || (flags & O_TRUNC);
    MEET(OPENS | (creates ? GROWS : 0) | (changes ? CHANGES : 0));
    int descriptor = syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor >= 0 && creates) note_new(folder, path);
    return descriptor;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return opened(AT_FDCWD, path, flags, mode); }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return opened(folder, path, flags, mode); }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int mkdirat(int folder, const char *path, mode_t mode) {
    int ours = path_below(folder, path);
    if (ours) MEET(GROWS | CHANGES);
    int result = syscall(SYS_mkdirat, folder, path, mode);
    if (ours && !result) note_new(folder, path);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int renameat(int from, const char *old, int to, const char *new) {
    if (path_below(from, old)) MEET(GROWS | CHANGES);
    return syscall(SYS_renameat2, from, old, to, new, 0);
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    if (path_below(from, old)) MEET(GROWS | CHANGES);
    return syscall(SYS_linkat, from, old, to, new, flags);
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int folder, const char *path, int flags) {
    if (path_below(folder, path)) MEET(CHANGES);
    return syscall(SYS_unlinkat, folder, path, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

ssize_t write(int descriptor, const void *data, size_t size) {
    if (handle_below(descriptor)) MEET(GROWS | CHANGES);
    return syscall(SYS_write, descriptor, data, size);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (handle_below(descriptor)) MEET(GROWS | CHANGES);
    return syscall(SYS_writev, descriptor, parts, count);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
    if (handle_below(descriptor)) MEET(GROWS | CHANGES);
    return syscall(SYS_pwrite64, descriptor, data, size, at);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
    return pwrite(descriptor, data, size, at);
}
ssize_t read(int descriptor, void *data, size_t size) {
    if (handle_below(descriptor)) MEET(READS);
    return syscall(SYS_read, descriptor, data, size);
}
ssize_t pread(int descriptor, void *data, size_t size, off_t at) {
    if (handle_below(descriptor)) MEET(READS);
    return syscall(SYS_pread64, descriptor, data, size, at);
}
ssize_t pread64(int descriptor, void *data, size_t size, off64_t at) {
    return pread(descriptor, data, size, at);
}
int ftruncate(int descriptor, off_t length) {
    if (handle_below(descriptor)) MEET(CHANGES);
    return syscall(SYS_ftruncate, descriptor, length);
}
int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }
int posix_fallocate(int descriptor, off_t at, off_t length) {
    if (handle_below(descriptor)) { int e = meet(GROWS | CHANGES); if (e) return e; }
    REAL(int, "posix_fallocate", int, off_t, off_t);
    return real(descriptor, at, length);
}
int posix_fallocate64(int descriptor, off64_t at, off64_t length) {
    return posix_fallocate(descriptor, at, length);
}

/* The real fsync is left out: no power is cut, and the kernel keeps what a killed process wrote. */
static int synced(int descriptor, int number) {
    if (!handle_below(descriptor)) return syscall(number, descriptor);
    MEET(GROWS | CHANGES);
    keep(descriptor);
    return 0;
}
int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }
