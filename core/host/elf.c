#include "host/elf.h"

#include <elf.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

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

static const char *machine_name(uint16_t machine) {
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {{EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"},
                 {EM_ARM, "arm"},       {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
                 {EM_S390, "s390x"},    {EM_MIPS, "mips"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].machine == machine) return names[i].name;
    return "another machine";
}

static char *check_type(const Elf64_Ehdr *h) {
    if (h->e_type == ET_EXEC) return str_format("an executable, not a shared object");
    if (h->e_type == ET_REL) return str_format("an object file: link it with -shared");
    if (h->e_type == ET_CORE) return str_format("a core file, not a shared object");
    if (h->e_type != ET_DYN) return str_format("not a shared object (link it with -shared)");
    return NULL;
}

/* What the dynamic section says of how it was linked. */
static char *check_dynamic(const char *bytes, const Elf64_Phdr *p) {
    for (size_t k = 0; k + sizeof(Elf64_Dyn) <= p->p_filesz; k += sizeof(Elf64_Dyn)) {
        Elf64_Dyn d;
        memcpy(&d, bytes + p->p_offset + k, sizeof d);
        if (d.d_tag == DT_NULL) break;
        if (d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_TEXTREL)))
            return str_format("its code would be changed while it is loaded (TEXTREL): compile it "
                              "with -fPIC");
        if (d.d_tag == DT_FLAGS_1 && (d.d_un.d_val & DF_1_PIE))
            return str_format("a program (PIE), not a shared object: link it with -shared");
    }
    return NULL;
}

/* More than any plugin is: the loader is not asked to find so much room. */
#define MOST_MEMORY ((uint64_t)1 << 29)

static char *check_segments(const char *bytes, const Elf64_Ehdr *h, size_t n) {
    bool dynamic = false;
    uint64_t end = 0; /* of the segments that are loaded, which ascend */
    for (int i = 0; i < h->e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, bytes + h->e_phoff + (size_t)i * sizeof p, sizeof p);
        if (!inside(p.p_offset, 1, p.p_filesz, n))
            return str_format("truncated: a segment is cut off");
        if (p.p_type == PT_LOAD) {
            if (p.p_vaddr < end || p.p_memsz < p.p_filesz)
                return str_format("damaged: its segments are not in order");
            if (p.p_vaddr > MOST_MEMORY || p.p_memsz > MOST_MEMORY - p.p_vaddr)
                return str_format("it wants more than %d MiB of memory", (int)(MOST_MEMORY >> 20));
            end = p.p_vaddr + p.p_memsz;
        }
        if (p.p_type != PT_DYNAMIC) continue;
        dynamic = true;
        char *why = check_dynamic(bytes, &p);
        if (why != NULL) return why;
    }
    return dynamic ? NULL : str_format("it has no dynamic section");
}

char *elf_check(const void *bytes, size_t n) {
    Elf64_Ehdr h;
    if (n < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return str_format("not an ELF shared object");
    if (n < sizeof h) return str_format("truncated: the ELF header is cut off");
    memcpy(&h, bytes, sizeof h);
    if (h.e_ident[EI_CLASS] != ELFCLASS64)
        return str_format("a 32-bit object, this program is 64-bit");
    if (h.e_ident[EI_DATA] != ELFDATA2LSB) return str_format("a big-endian object");
    if (h.e_machine != THIS_MACHINE)
        return str_format("built for %s, this program is for %s", machine_name(h.e_machine),
                          THIS_MACHINE_NAME);
    char *why = check_type(&h);
    if (why != NULL) return why;
    if (h.e_phnum == 0 || h.e_phentsize != sizeof(Elf64_Phdr))
        return str_format("it has no program headers");
    if (!inside(h.e_phoff, h.e_phnum, sizeof(Elf64_Phdr), n))
        return str_format("truncated: the program headers are cut off");
    if (h.e_shnum > 0 && !inside(h.e_shoff, h.e_shnum, h.e_shentsize, n))
        return str_format("truncated: the section headers are cut off");
    return check_segments(bytes, &h, n);
}

/* ---- what it exports ---- */

static bool read_section(const char *bytes, size_t n, const Elf64_Ehdr *h, uint32_t i,
                         Elf64_Shdr *s) {
    if (i >= h->e_shnum || h->e_shentsize != sizeof *s) return false;
    memcpy(s, bytes + h->e_shoff + i * sizeof *s, sizeof *s);
    return inside(s->sh_offset, 1, s->sh_size, n);
}

static bool is_export(const Elf64_Sym *s) {
    int bind = ELF64_ST_BIND(s->st_info), seen = ELF64_ST_VISIBILITY(s->st_other);
    return s->st_shndx != SHN_UNDEF && (bind == STB_GLOBAL || bind == STB_WEAK) &&
           (seen == STV_DEFAULT || seen == STV_PROTECTED);
}

int elf_exports(const void *image, size_t n, const char *names[], int most) {
    const char *bytes = image;
    Elf64_Ehdr h;
    Elf64_Shdr symbols, strings;
    int found = 0;
    memcpy(&h, bytes, sizeof h); /* elf_check() has passed */
    for (uint32_t i = 0; i < h.e_shnum; i++) {
        if (!read_section(bytes, n, &h, i, &symbols) || symbols.sh_type != SHT_DYNSYM) continue;
        if (!read_section(bytes, n, &h, symbols.sh_link, &strings)) return -1;
        for (size_t k = 0; k + sizeof(Elf64_Sym) <= symbols.sh_size; k += sizeof(Elf64_Sym)) {
            Elf64_Sym s;
            memcpy(&s, bytes + symbols.sh_offset + k, sizeof s);
            if (!is_export(&s) || s.st_name >= strings.sh_size) continue;
            const char *name = bytes + strings.sh_offset + s.st_name;
            if (memchr(name, '\0', strings.sh_size - s.st_name) == NULL) continue;
            if (found < most) names[found] = name;
            found++;
        }
        return found;
    }
    return -1;
}
