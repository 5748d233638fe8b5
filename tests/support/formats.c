#include "support/formats.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t dice_bits(dice *r) {
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint32_t dice_roll(dice *r, uint32_t n) { return (uint32_t)((dice_bits(r) >> 32) * n >> 32); }

void put_le(strbuf *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++, v >>= 8) strbuf_addn(b, &(char){(char)v}, 1);
}

void put_be(strbuf *b, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) strbuf_addn(b, &(char){(char)(v >> 8 * i)}, 1);
}

/* Small numbers of that many bytes, little endian; 1.5 and so on as float32. */
static void put_floats(dice *r, strbuf *b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float v = (float)dice_roll(r, 64) / 8 - 4;
        strbuf_addn(b, (const char *)&v, sizeof v);
    }
}

static void put_zeros(strbuf *b, int64_t n) {
    for (int64_t i = 0; i < n; i++) strbuf_addn(b, "", 1);
}

/* ---- NPY, NPZ ---- */

void npy_file(strbuf *out, const char *header, const void *data, size_t n) {
    strbuf_addn(out, "\x93NUMPY\1\0", 8);
    put_le(out, strlen(header), 2);
    strbuf_add(out, header);
    strbuf_addn(out, data, n);
}

void make_npy(dice *r, strbuf *out) {
    static const struct {
        const char *descr;
        int bytes;
    } types[] = {{"<f4", 4}, {"<f8", 8}, {"<f2", 2}, {">f4", 4}, {"|u1", 1}, {"|i1", 1}, {"|b1", 1},
                 {"<i2", 2}, {"=u2", 2}, {">i4", 4}, {"<u4", 4}, {"<i8", 8}, {"<u8", 8}};
    uint32_t t = dice_roll(r, sizeof types / sizeof *types), dims = dice_roll(r, 4);
    int major = 1 + (int)dice_roll(r, 3);
    int64_t n = 1;
    strbuf h = {0};
    const char *order = dice_roll(r, 2) ? "True" : "False", quote = dice_roll(r, 4) ? '\'' : '"';
    strbuf_addf(&h, "{%cdescr%c: '%s', 'fortran_order': %s, 'shape': (", quote, quote,
                types[t].descr, order);
    for (uint32_t i = 0; i < dims; i++) {
        uint32_t dim = dice_roll(r, 16) == 0 ? 0 : 1 + dice_roll(r, 6);
        strbuf_addf(&h, "%s%u", i > 0 ? ", " : "", dim);
        n *= dim;
    }
    strbuf_add(&h, dims == 1 ? ",)" : ")");
    if (dice_roll(r, 16) == 0) strbuf_addf(&h, ", 'descr': '%s'", types[t].descr); /* twice */
    strbuf_add(&h, dice_roll(r, 2) ? ", }" : "}");
    while (h.len % 16 != 5) strbuf_add(&h, " ");
    strbuf_add(&h, "\n");
    strbuf_addn(out, "\x93NUMPY", 6);
    put_le(out, (uint64_t)major, 2);
    put_le(out, h.len, major == 1 ? 2 : 4);
    strbuf_addn(out, h.s, h.len);
    strbuf_fini(&h);
    for (int64_t i = 0; i < n * types[t].bytes; i++) put_le(out, dice_bits(r), 1);
}

void make_npz(dice *r, strbuf *out) {
    static const char *const names[] = {"x.npy", "y.npy", "layer/0.weight.npy", "\xc3\xa9.npy"};
    zip_member m[4] = {{0}};
    strbuf data[4] = {{0}};
    int n = 1 + (int)dice_roll(r, 3);
    uint32_t first = dice_roll(r, 2);
    for (int i = 0; i < n; i++) {
        make_npy(r, &data[i]);
        m[i] = (zip_member){.name = names[first + (uint32_t)i],
                            .data = data[i].s,
                            .n = data[i].len,
                            .method = dice_roll(r, 2) ? 8 : 0};
    }
    if (dice_roll(r, 16) == 0) m[0].method = 12; /* bzip2, which is not read */
    if (dice_roll(r, 16) == 0) m[n - 1].name = m[0].name;
    zip_file(out, m, n);
    for (int i = 0; i < n; i++) strbuf_fini(&data[i]);
}

/* ---- IDX, CSV ---- */

void make_idx(dice *r, strbuf *out) {
    static const struct {
        uint8_t code;
        int bytes;
    } types[] = {{8, 1}, {8, 1}, {9, 1}, {0xb, 2}, {0xc, 4}, {0xd, 4}, {0xe, 8}};
    uint32_t t = dice_roll(r, 7), dims = 1 + dice_roll(r, 4);
    strbuf plain = {0};
    int64_t n = 1;
    put_be(&plain, types[t].code, 3);
    put_be(&plain, dims, 1);
    for (uint32_t i = 0; i < dims; i++) {
        uint32_t dim = 1 + dice_roll(r, 5);
        put_be(&plain, dim, 4);
        n *= dim;
    }
    for (int64_t i = 0; i < n * types[t].bytes; i++) put_le(&plain, dice_roll(r, 8), 1);
    if (dice_roll(r, 2))
        strbuf_addn(out, plain.s, plain.len);
    else if (dice_roll(r, 4))
        gzip_bytes(out, plain.s, plain.len);
    else { /* two members are one text */
        gzip_bytes(out, plain.s, 5);
        gzip_bytes(out, plain.s + 5, plain.len - 5);
    }
    strbuf_fini(&plain);
}

void make_csv(dice *r, strbuf *out) {
    static const char *const ends[] = {"\n", "\r\n", "\r"}, *const values[] = {"0",     "1",
                                                                               " 2 ",   "-3.5",
                                                                               "+1e3",  "\"4\"",
                                                                               ".5",    "5.",
                                                                               "1e-30", "\" 6\""};
    const char *end = ends[dice_roll(r, 3)];
    uint32_t cols = 1 + dice_roll(r, 5), rows = 1 + dice_roll(r, 6);
    if (dice_roll(r, 4) == 0) strbuf_add(out, "\xef\xbb\xbf");
    if (dice_roll(r, 2)) {
        for (uint32_t k = 0; k < cols; k++)
            strbuf_addf(out, dice_roll(r, 4) ? "%sx%u" : "%s\"x \"\"%u\n\"", k > 0 ? "," : "", k);
        strbuf_add(out, end);
    }
    for (uint32_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < cols; k++)
            strbuf_addf(out, "%s%s", k > 0 ? "," : "", values[dice_roll(r, 10)]);
        if (i + 1 < rows || dice_roll(r, 2)) strbuf_add(out, end);
    }
    if (dice_roll(r, 4) == 0) strbuf_add(out, "\n\n");
}

/* ---- safetensors, GGUF ---- */

void safetensors_file(strbuf *out, const char *header, const void *data, size_t n) {
    put_le(out, strlen(header), 8);
    strbuf_add(out, header);
    strbuf_addn(out, data, n);
}

void make_safetensors(dice *r, strbuf *out) {
    static const struct {
        const char *name;
        int bytes;
    } types[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8},
                 {"U8", 1},  {"I64", 8}, {"BOOL", 1}};
    strbuf h = {0}, data = {0};
    int64_t at = 0;
    uint32_t tensors = 1 + dice_roll(r, 4);
    strbuf_add(&h, "{");
    if (dice_roll(r, 16) == 0) at = 8; /* a gap: not to be read */
    if (dice_roll(r, 24) == 0)
        strbuf_add(&h, "\"__metadata__\":{\"format\":1},");
    else if (dice_roll(r, 2))
        strbuf_add(&h, "\"__metadata__\":{\"format\":\"pt\",\"k\\u00e9\":\"\"},");
    for (uint32_t i = 0; i < tensors; i++) {
        uint32_t t = dice_roll(r, 7), dims = dice_roll(r, dice_roll(r, 16) == 0 ? 12 : 4);
        int64_t n = 1;
        strbuf_addf(&h, "%s\"t%u.weight\":{\"dtype\":\"%s\",\"shape\":[", i > 0 ? "," : "", i,
                    types[t].name);
        for (uint32_t k = 0; k < dims; k++) {
            uint32_t dim = dims > 4 ? 1 : dice_roll(r, 16) == 0 ? 0 : 1 + dice_roll(r, 5);
            strbuf_addf(&h, "%s%u", k > 0 ? "," : "", dim);
            n *= dim;
        }
        n *= types[t].bytes;
        strbuf_addf(&h, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", at, at + n);
        at += n;
    }
    strbuf_add(&h, "}");
    while (h.len % 8 != 0) strbuf_add(&h, " ");
    for (int64_t i = 0; i < at; i++) put_le(&data, dice_bits(r), 1);
    safetensors_file(out, h.s, data.s != NULL ? data.s : "", data.len);
    strbuf_fini(&h);
    strbuf_fini(&data);
}

static void put_text(strbuf *b, const char *text) {
    put_le(b, strlen(text), 8);
    strbuf_add(b, text);
}

/* One value of that type; `depth`: how far arrays may still nest. */
static void put_value(dice *r, strbuf *b, uint32_t type, int depth) {
    static const int bytes[] = {1, 1, 2, 2, 4, 4, 4, 0, 0, 0, 8, 8, 8};
    if (type == 7) {
        put_le(b, dice_roll(r, 2), 1);
    } else if (type == 8) {
        put_text(b, dice_roll(r, 2) ? "text \xc3\xa9" : "");
    } else if (type == 9) {
        uint32_t of = dice_roll(r, depth > 0 ? 13 : 9), n = dice_roll(r, 4);
        if (depth == 0 && of == 9) of = 8;
        if (depth == 3 && dice_roll(r, 16) == 0) { /* one level more than is read */
            for (int i = 0; i < 5; i++) put_le(b, 9, 4), put_le(b, 1, 8);
            return;
        }
        put_le(b, of, 4);
        put_le(b, n, 8);
        while (n-- > 0) put_value(r, b, of, depth - 1);
    } else {
        put_le(b, dice_roll(r, 1000), bytes[type]);
    }
}

void make_gguf(dice *r, strbuf *out) {
    static const struct {
        uint32_t id;
        int block, bytes;
    } types[] = {{0, 1, 4},   {1, 1, 2},   {30, 1, 2},    {28, 1, 8},    {24, 1, 1},
                 {8, 32, 34}, {2, 32, 18}, {34, 256, 54}, {35, 256, 66}, {12, 256, 144}};
    uint32_t tensors = 1 + dice_roll(r, 3), values = dice_roll(r, 4), aligned = dice_roll(r, 2);
    uint32_t alignment = aligned ? 8u << dice_roll(r, 4) : 32, split = dice_roll(r, 8) == 0;
    int64_t at = 0, sizes[3];
    size_t start = out->len;
    strbuf_add(out, "GGUF");
    put_le(out, 2 + dice_roll(r, 2), 4);
    put_le(out, tensors, 8);
    put_le(out, values + aligned + split, 8);
    if (split) { /* one part of one; a change may make it more */
        bool wide = dice_roll(r, 2);
        put_text(out, "split.count");
        put_le(out, wide ? 4 : 2, 4);
        put_le(out, dice_roll(r, 8) == 0 ? 2 : 1, wide ? 4 : 2);
    }
    if (aligned) put_text(out, "general.alignment"), put_le(out, 4, 4), put_le(out, alignment, 4);
    for (uint32_t i = 0; i < values; i++) {
        char key[24];
        uint32_t type = dice_roll(r, 13);
        snprintf(key, sizeof key, "a.key.%u", i);
        put_text(out, key);
        put_le(out, type, 4);
        put_value(r, out, type, 3);
    }
    for (uint32_t i = 0; i < tensors; i++) {
        char name[24];
        uint32_t t = dice_roll(r, 10), dims = 1 + dice_roll(r, 3);
        int64_t n = types[t].block;
        snprintf(name, sizeof name, "t%u", i);
        put_text(out, name);
        put_le(out, dims, 4);
        for (uint32_t k = 0; k < dims; k++) {
            uint32_t dim = k == 0 && types[t].block > 1 ? 1 : 1 + dice_roll(r, 4);
            put_le(out, k == 0 ? dim * (uint32_t)types[t].block : dim, 8);
            n *= dim;
        }
        put_le(out, types[t].id, 4);
        put_le(out, (uint64_t)at, 8);
        sizes[i] = n / types[t].block * types[t].bytes;
        at += (sizes[i] + alignment - 1) / alignment * alignment;
    }
    put_zeros(out, (int64_t)((alignment - (out->len - start) % alignment) % alignment));
    for (uint32_t i = 0; i < tensors; i++) {
        for (int64_t k = 0; k < sizes[i]; k++) put_le(out, dice_roll(r, 60), 1);
        put_zeros(out, (alignment - sizes[i] % alignment) % alignment);
    }
}

/* ---- YAML ---- */

static void put_node(dice *r, strbuf *b, int depth, int indent);

static void put_scalar(dice *r, strbuf *b) {
    static const char *const scalars[] = {"1",   "text",       "'it''s'",    "\"a\\tb\\x41\"",
                                          "~",   "-1.5e3",     "\xc3\xa4 b", "''",
                                          "a#b", "\"\\u00e9\""};
    strbuf_add(b, scalars[dice_roll(r, 10)]);
}

static void put_flow(dice *r, strbuf *b, int depth) {
    uint32_t n = dice_roll(r, 4);
    bool map = dice_roll(r, 2);
    strbuf_add(b, map ? "{" : "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) strbuf_add(b, ", ");
        if (map) strbuf_addf(b, "k%u: ", i);
        if (depth > 0 && dice_roll(r, 3) == 0)
            put_flow(r, b, depth - 1);
        else
            put_scalar(r, b);
    }
    strbuf_add(b, map ? "}" : "]");
}

/* What stands behind `key:` or `-`, with the end of its last line. */
static void put_node(dice *r, strbuf *b, int depth, int indent) {
    uint32_t what = dice_roll(r, depth > 0 ? 8 : 3), n = 1 + dice_roll(r, 3);
    if (what == 0) {
        strbuf_addf(b, " |\n%*sline\n%*sother\n", indent + 2, "", indent + 2, "");
    } else if (what < 3) {
        strbuf_add(b, " ");
        put_scalar(r, b);
        strbuf_add(b, dice_roll(r, 4) ? "\n" : "   # comment\n");
    } else if (what < 5) {
        strbuf_add(b, " ");
        put_flow(r, b, 2);
        strbuf_add(b, "\n");
    } else {
        strbuf_add(b, "\n");
        for (uint32_t i = 0; i < n; i++) {
            strbuf_addf(b, what == 5 ? "%*s-" : "%*sk%u:", indent + 2, "", i);
            put_node(r, b, depth - 1, indent + 2);
        }
    }
}

void make_yaml(dice *r, strbuf *out) {
    static const char *const keys[] = {"version", "kind", "name", "data", "model", "quant"};
    uint32_t n = 1 + dice_roll(r, 5);
    bool anchor = dice_roll(r, 3) == 0;
    if (dice_roll(r, 8) == 0) strbuf_add(out, "\xef\xbb\xbf");
    if (dice_roll(r, 8) == 0) strbuf_add(out, "---\n");
    if (anchor) strbuf_add(out, "base: &a {x: 1}\n");
    for (uint32_t i = 0; i < n; i++) {
        strbuf_addf(out, "%s:", keys[i]);
        put_node(r, out, 3, 0);
    }
    if (anchor) strbuf_add(out, "again: *a\n");
    switch (dice_roll(r, 512)) { /* what must end at once */
    case 0:
        for (int i = 0; i < 1100; i++) strbuf_addf(out, "a%d: &a%d 1\n", i, i);
        break;
    case 1:
        strbuf_add(out, "l0: &l0 [1,1,1,1,1,1,1,1,1,1]\n");
        for (int i = 1; i < 7; i++)
            strbuf_addf(out, "l%d: &l%d [*l%d,*l%d,*l%d,*l%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
        break;
    case 2:
        strbuf_add(out, "deep: ");
        for (int i = 0; i < 70; i++) strbuf_add(out, "[");
        break;
    case 3: strbuf_add(out, "m: {<<: {a: 1}}\n"); break;
    default: break;
    }
}

/* ---- ELF ---- */

/* A shared object without code: two segments, a dynamic section, one exported symbol. */
void make_elf(dice *r, strbuf *out) {
    static const char strings[] = "\0qb_plugin_get\0other";
    const Elf64_Dyn dynamic[] = {{.d_tag = DT_FLAGS_1, .d_un.d_val = DF_1_NOW},
                                 {.d_tag = DT_FLAGS, .d_un.d_val = DF_BIND_NOW},
                                 {.d_tag = DT_NULL}};
    const Elf64_Sym symbols[] = {{0},
                                 {.st_name = 1,
                                  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                  .st_shndx = 1},
                                 {.st_name = 15,
                                  .st_info = ELF64_ST_INFO(dice_roll(r, 3), STT_FUNC),
                                  .st_other = (unsigned char)dice_roll(r, 4),
                                  .st_shndx = (uint16_t)dice_roll(r, 2)}};
    uint64_t at_phdr = sizeof(Elf64_Ehdr), at_dynamic = at_phdr + 2 * sizeof(Elf64_Phdr),
             at_symbols = at_dynamic + sizeof dynamic, at_strings = at_symbols + sizeof symbols,
             at_shdr = at_strings + 24;
    uint16_t sections = dice_roll(r, 8) == 0 ? 0 : 3;
    Elf64_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                    .e_type = ET_DYN,
                    .e_machine = EM_X86_64,
                    .e_version = EV_CURRENT,
                    .e_phoff = at_phdr,
                    .e_shoff = sections > 0 ? at_shdr : 0,
                    .e_ehsize = sizeof h,
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = 2,
                    .e_shentsize = sizeof(Elf64_Shdr),
                    .e_shnum = sections};
    Elf64_Phdr p[] = {{.p_type = PT_LOAD, .p_filesz = at_shdr, .p_memsz = at_shdr},
                      {.p_type = PT_DYNAMIC,
                       .p_offset = at_dynamic,
                       .p_filesz = sizeof dynamic,
                       .p_memsz = sizeof dynamic}};
    const Elf64_Shdr s[] = {{0},
                            {.sh_type = SHT_DYNSYM,
                             .sh_offset = at_symbols,
                             .sh_size = sizeof symbols,
                             .sh_link = 2,
                             .sh_entsize = sizeof *symbols},
                            {.sh_type = SHT_STRTAB, .sh_offset = at_strings, .sh_size = 21}};
    strbuf_addn(out, (const char *)&h, sizeof h);
    strbuf_addn(out, (const char *)p, sizeof p);
    strbuf_addn(out, (const char *)dynamic, sizeof dynamic);
    strbuf_addn(out, (const char *)symbols, sizeof symbols);
    strbuf_addn(out, strings, 21);
    put_zeros(out, 3);
    if (sections > 0) strbuf_addn(out, (const char *)s, sizeof s);
    put_floats(r, out, dice_roll(r, 4));
}

/* ---- changes ---- */

static uint64_t odd_number(dice *r, size_t n) {
    const uint64_t odd[] = {0,
                            1,
                            UINT64_MAX,
                            INT32_MAX,
                            (uint64_t)INT32_MAX + 1,
                            (uint64_t)INT32_MAX + 2,
                            UINT32_MAX,
                            (uint64_t)UINT32_MAX + 1,
                            (uint64_t)UINT32_MAX + 2,
                            (uint64_t)1 << 62,
                            INT64_MAX,
                            (uint64_t)INT64_MAX + 1,
                            n,
                            n - 1,
                            n + 1,
                            dice_roll(r, 16),
                            255,
                            65535,
                            4194305,
                            211106198978564};
    return odd[dice_roll(r, sizeof odd / sizeof *odd)];
}

static void change_integer(dice *r, strbuf *b) {
    int bytes = 1 << dice_roll(r, 4);
    if (b->len < (size_t)bytes) return;
    size_t at = dice_roll(r, (uint32_t)(b->len - (size_t)bytes + 1));
    uint64_t v = odd_number(r, b->len - at);
    strbuf w = {0};
    if (dice_roll(r, 4))
        put_le(&w, v, bytes);
    else
        put_be(&w, v, bytes);
    memcpy(b->s + at, w.s, w.len);
    strbuf_fini(&w);
}

/* Puts text for `n` bytes at `at`. */
static void replace(strbuf *b, size_t at, size_t n, const char *text, size_t with) {
    strbuf tail = {0};
    strbuf_addn(&tail, b->s + at + n, b->len - at - n);
    b->len = at;
    strbuf_addn(b, text, with);
    strbuf_addn(b, tail.s, tail.len);
    strbuf_fini(&tail);
}

/* A number in digits that stands behind a random place. */
static void change_digits(dice *r, strbuf *b) {
    char text[24];
    size_t at = dice_roll(r, (uint32_t)b->len), n = 0;
    while (at < b->len && (b->s[at] < '0' || b->s[at] > '9')) at++;
    while (at + n < b->len && b->s[at + n] >= '0' && b->s[at + n] <= '9') n++;
    uint64_t v = odd_number(r, b->len);
    if (dice_roll(r, 4) == 0)
        snprintf(text, sizeof text, "%" PRId64, (int64_t)v);
    else
        snprintf(text, sizeof text, "%" PRIu64, v);
    if (n > 0) replace(b, at, n, text, strlen(text));
}

static void change_place(dice *r, strbuf *b) {
    uint32_t n = (uint32_t)b->len, at = dice_roll(r, n), most = n - at < 64 ? n - at : 64,
             bytes = 1 + dice_roll(r, most);
    char part[64];
    memcpy(part, b->s + at, bytes);
    switch (dice_roll(r, 4)) {
    case 0: replace(b, at, bytes, "", 0); break;
    case 1: replace(b, dice_roll(r, n), 0, part, bytes); break;
    case 2: b->len = at; break;
    default: strbuf_addn(b, part, bytes); break;
    }
}

void change_bytes(dice *r, strbuf *b) {
    if (b->len == 0) {
        strbuf_addn(b, "", 1);
        return;
    }
    switch (dice_roll(r, 6)) {
    case 0:
    case 1: change_integer(r, b); break;
    case 2:
    case 3: change_digits(r, b); break;
    case 4: b->s[dice_roll(r, (uint32_t)b->len)] ^= (char)(1 << dice_roll(r, 8)); break;
    default: change_place(r, b); break;
    }
}
