/* The beginning of the AppImage: unpacks what follows it into the user's cache, once, and starts the program there.
 *
 * It needs no FUSE and nothing of the system but the kernel. What is unpacked belongs to the content (its size and the
 * time of its making), so a copy or another name of the same file starts at once; what older versions have left is
 * removed when nothing runs from it.
 *
 *   --appimage-extract   unpack into ./squashfs-root and end
 *   --appimage-offset    print where the file system begins and end
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <squashfuse/squashfuse.h>

/* Our image is packed with zstd; the library's other methods are answered with an error, so that they need not be
 * linked in (LZO would bring the GPL). */
int lzo1x_decompress_safe(const void *a, size_t b, void *c, size_t *d, void *e) { (void)a, (void)b, (void)c, (void)d, (void)e; return -1; }
int LZ4_decompress_safe(const char *a, char *b, int c, int d) { (void)a, (void)b, (void)c, (void)d; return -1; }
int lzma_stream_buffer_decode(void *a, int b, const void *c, const void *d, void *e, size_t f, void *g, void *h, size_t i) { (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h, (void)i; return 11; }
int uncompress(void *a, void *b, const void *c, unsigned long d) { (void)a, (void)b, (void)c, (void)d; return -2; }

static void fail(const char *what) {
    fprintf(stderr, "xsmigui AppImage: %s: %s\n", what, errno ? strerror(errno) : "damaged");
    exit(127);
}

static void join(char *into, size_t size, const char *a, const char *b) {
    int n = snprintf(into, size, "%s/%s", a, b);
    if (n < 0 || (size_t)n >= size) {
        errno = ENAMETOOLONG;
        fail(a);
    }
}

/* The file system stands behind the last section header of this program. */
static off_t end_of_program(int file) {
    Elf64_Ehdr head;
    if (pread(file, &head, sizeof head, 0) != sizeof head) fail("read");
    return (off_t)(head.e_shoff + (unsigned long)head.e_shentsize * head.e_shnum);
}

static void write_file(sqfs *image, sqfs_inode *node, const char *path) {
    static char buffer[1 << 20];
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, node->base.mode & 0755);
    if (file < 0) fail(path);
    for (sqfs_off_t at = 0; at < (sqfs_off_t)node->xtra.reg.file_size;) {
        sqfs_off_t count = sizeof buffer;
        errno = 0;
        if (sqfs_read_range(image, node, at, &count, buffer) != SQFS_OK || count <= 0) fail(path);
        for (sqfs_off_t done = 0; done < count;) {
            ssize_t n = write(file, buffer + done, (size_t)(count - done));
            if (n < 0) fail(path);
            done += n;
        }
        at += count;
    }
    if (close(file)) fail(path);
}

static void write_link(sqfs *image, sqfs_inode *node, const char *path) {
    char target[PATH_MAX];
    size_t size = sizeof target;
    errno = 0;
    if (sqfs_readlink(image, node, target, &size) != SQFS_OK || symlink(target, path)) fail(path);
}

static void unpack(sqfs *image, const char *folder) {
    sqfs_traverse walk;
    sqfs_err error = SQFS_OK;
    errno = 0;
    if (sqfs_traverse_open(&walk, image, sqfs_inode_root(image)) != SQFS_OK) fail("open");
    while (sqfs_traverse_next(&walk, &error)) {
        char path[PATH_MAX];
        sqfs_inode node;
        if (walk.dir_end) continue;
        if (sqfs_inode_get(image, &node, sqfs_dentry_inode(&walk.entry)) != SQFS_OK) fail(walk.path);
        join(path, sizeof path, folder, walk.path);
        if (S_ISDIR(node.base.mode)) {
            if (mkdir(path, 0755)) fail(path);
        } else if (S_ISLNK(node.base.mode)) {
            write_link(image, &node, path);
        } else if (S_ISREG(node.base.mode)) {
            write_file(image, &node, path);
        }
    }
    if (error != SQFS_OK) fail("unpack");
    sqfs_traverse_close(&walk);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* Other versions' folders, unless something runs from them (which holds a shared lock). */
static void remove_others(const char *cache, const char *ours) {
    DIR *list = opendir(cache);
    if (!list) return;
    for (struct dirent *one; (one = readdir(list));) {
        char lock[PATH_MAX], folder[PATH_MAX];
        size_t length = strlen(one->d_name);
        if (length < 6 || strcmp(one->d_name + length - 5, ".lock") || !strncmp(one->d_name, ours, strlen(ours))) continue;
        join(lock, sizeof lock, cache, one->d_name);
        int file = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0) continue;
        if (!flock(file, LOCK_EX | LOCK_NB)) {
            memcpy(folder, lock, sizeof folder);
            folder[strlen(folder) - 5] = 0;
            remove_tree(folder);
            unlink(lock);
        }
        close(file);
    }
    closedir(list);
}

static void make_folders(char *path) {
    for (char *at = path + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        mkdir(path, 0700);
        *at = '/';
    }
    if (mkdir(path, 0700) && errno != EEXIST) fail(path);
}

int main(int count, char **arguments) {
    char self[PATH_MAX], cache[PATH_MAX], id[64], folder[PATH_MAX], lock[PATH_MAX], program[PATH_MAX];
    const char *chosen = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    sqfs image;
    (void)count;

    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) fail("/proc/self/exe");
    self[length] = 0;
    int file = open(self, O_RDONLY | O_CLOEXEC);
    if (file < 0) fail(self);
    off_t offset = end_of_program(file);
    if (arguments[1] && !strcmp(arguments[1], "--appimage-offset")) return printf("%ld\n", (long)offset) < 0;
    errno = 0;
    if (sqfs_init(&image, file, (size_t)offset) != SQFS_OK) fail(self);
    if (arguments[1] && !strcmp(arguments[1], "--appimage-extract")) {
        if (mkdir("squashfs-root", 0755)) fail("squashfs-root");
        unpack(&image, "squashfs-root");
        return 0;
    }

    if (chosen && *chosen == '/') join(cache, sizeof cache, chosen, "xsmigui-appimage");
    else join(cache, sizeof cache, home && *home ? home : "/tmp", ".cache/xsmigui-appimage");
    make_folders(cache);
    snprintf(id, sizeof id, "%08lx-%lx", (unsigned long)image.sb.mkfs_time, (unsigned long)image.sb.bytes_used);
    join(folder, sizeof folder, cache, id);
    snprintf(lock, sizeof lock, "%.*s.lock", (int)sizeof lock - 6, folder);

    /* Who unpacks holds the lock alone; who runs shares it, to its end: the descriptor is handed on. */
    int held = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (held < 0) fail(lock);
    if (access(folder, F_OK)) {
        char fresh[PATH_MAX];
        if (flock(held, LOCK_EX)) fail(lock);
        if (access(folder, F_OK)) {
            snprintf(fresh, sizeof fresh, "%.*s.new", (int)sizeof fresh - 5, folder);
            remove_tree(fresh);
            if (mkdir(fresh, 0700)) fail(fresh);
            unpack(&image, fresh);
            if (rename(fresh, folder)) fail(folder);
        }
        remove_others(cache, id);
    }
    if (flock(held, LOCK_SH)) fail(lock);

    setenv("APPIMAGE", self, 1);
    setenv("APPDIR", folder, 1);
    join(program, sizeof program, folder, "usr/lib/xsmigui/xsmigui");
    execv(program, arguments);
    fail(program);
}
