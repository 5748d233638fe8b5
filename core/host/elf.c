#include "host/elf.h"

#include <elf.h>
#include <string.h>

#include "util/mem.h"

#if defined(__x86_64__)
enum { THIS_MACHINE = EM_X86_64 };
#define THIS_MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
enum { THIS_MACHINE = EM_AARCH64 };
#define THIS_MACHINE_NAME "aarch64"
#else
#error "unknown machine"
#endif

/* Do `count` records of `size` bytes at `offset` lie inside n bytes? */
static int inside(uint64_t offset, uint64_t count, uint64_t size, size_t n) {
    int64_t bytes, end;
    if (offset > INT64_MAX || count > INT64_MAX || size > INT64_MAX) return 0;
    if (!size_mul((int64_t)count, (int64_t)size, &bytes)) return 0;
    return size_add((int64_t)offset, bytes, &end) && (uint64_t)end <= n;
}

const char *elf_check(const void *bytes, size_t n) {
    Elf64_Ehdr h;
    if (n < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0) return "not an ELF shared object";
    if (n < sizeof h) return "truncated: the ELF header is cut off";
    memcpy(&h, bytes, sizeof h);
    if (h.e_ident[EI_CLASS] != ELFCLASS64) return "a 32-bit object, this program is 64-bit";
    if (h.e_ident[EI_DATA] != ELFDATA2LSB) return "a big-endian object";
    if (h.e_machine != THIS_MACHINE) return "built for another machine than " THIS_MACHINE_NAME;
    if (h.e_type != ET_DYN) return "not a shared object (link it with -shared)";
    if (h.e_phnum == 0 || h.e_phentsize != sizeof(Elf64_Phdr)) return "it has no program headers";
    if (!inside(h.e_phoff, h.e_phnum, sizeof(Elf64_Phdr), n))
        return "truncated: the program headers are cut off";
    if (h.e_shnum > 0 && !inside(h.e_shoff, h.e_shnum, h.e_shentsize, n))
        return "truncated: the section table is cut off";
    for (int i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, (const char *)bytes + h.e_phoff + (size_t)i * sizeof p, sizeof p);
        if (!inside(p.p_offset, 1, p.p_filesz, n)) return "truncated: a segment is cut off";
    }
    return NULL;
}
