#include "host/imports.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

typedef struct visit {
    const void *inside;
    const import *list;
    int n;
    void (*each)(uint8_t *start, size_t bytes);
} visit;

/* ---- its table ---- */

/* Entries of the dynamic section are addresses already where the loader could write it. */
static const void *at_base(uintptr_t base, uint64_t v) {
    return (const void *)(v >= base ? v : base + v);
}

/* The slot may be read-only by now. */
static void write_slot(uint8_t *slot, void (*to)(void)) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *first = slot - (uintptr_t)slot % page;
    if (mprotect(first, (size_t)(slot - first) + sizeof to, PROT_READ | PROT_WRITE) == 0)
        memcpy(slot, &to, sizeof to);
}

static void change(const visit *v, uintptr_t base, const Elf64_Rela *rela, size_t bytes,
                   const Elf64_Sym *symbols, const char *strings) {
    for (size_t i = 0; i < bytes / sizeof *rela; i++) {
        uint32_t type = (uint32_t)ELF64_R_TYPE(rela[i].r_info);
        if (type != JUMP_SLOT && type != GLOB_DAT) continue;
        const char *name = strings + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;
        for (int k = 0; k < v->n; k++)
            if (strcmp(name, v->list[k].name) == 0)
                write_slot((uint8_t *)(base + rela[i].r_offset), v->list[k].to);
    }
}

static void change_table(const visit *v, uintptr_t base, const Elf64_Dyn *d) {
    const Elf64_Rela *jump = NULL, *rela = NULL;
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    size_t jump_bytes = 0, rela_bytes = 0;
    for (; d->d_tag != DT_NULL; d++) {
        const void *p = at_base(base, d->d_un.d_ptr);
        if (d->d_tag == DT_JMPREL) jump = p;
        if (d->d_tag == DT_RELA) rela = p;
        if (d->d_tag == DT_SYMTAB) symbols = p;
        if (d->d_tag == DT_STRTAB) strings = p;
        if (d->d_tag == DT_PLTRELSZ) jump_bytes = d->d_un.d_val;
        if (d->d_tag == DT_RELASZ) rela_bytes = d->d_un.d_val;
    }
    if (symbols == NULL || strings == NULL) return;
    if (jump != NULL) change(v, base, jump, jump_bytes, symbols, strings);
    if (rela != NULL) change(v, base, rela, rela_bytes, symbols, strings);
}

/* ---- its memory ---- */

static void tell_data(const visit *v, uintptr_t base, const Elf64_Phdr *h) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (base + h->p_vaddr) & ~(page - 1);
    uintptr_t to = (base + h->p_vaddr + h->p_memsz + page - 1) & ~(page - 1);
    v->each((uint8_t *)from, to - from);
}

static int look_at(struct dl_phdr_info *o, size_t size, void *arg) {
    (void)size;
    const visit *v = arg;
    const Elf64_Dyn *dynamic = NULL;
    bool ours = false;
    for (int i = 0; i < o->dlpi_phnum; i++) {
        const Elf64_Phdr *h = &o->dlpi_phdr[i];
        uintptr_t from = o->dlpi_addr + h->p_vaddr, at = (uintptr_t)v->inside;
        ours |= h->p_type == PT_LOAD && at >= from && at < from + h->p_memsz;
        if (h->p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)from;
    }
    if (!ours) return 0;
    if (v->n > 0 && dynamic != NULL) change_table(v, o->dlpi_addr, dynamic);
    for (int i = 0; i < o->dlpi_phnum && v->each != NULL; i++)
        if (o->dlpi_phdr[i].p_type == PT_LOAD && (o->dlpi_phdr[i].p_flags & PF_W))
            tell_data(v, o->dlpi_addr, &o->dlpi_phdr[i]);
    return 1;
}

void imports_replace(const void *inside, const import *list, int n) {
    dl_iterate_phdr(look_at, &(visit){.inside = inside, .list = list, .n = n});
}

void imports_data(const void *inside, void (*each)(uint8_t *start, size_t bytes)) {
    dl_iterate_phdr(look_at, &(visit){.inside = inside, .each = each});
}
