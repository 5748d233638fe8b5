#include "util/str.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

void strbuf_fini(strbuf *b) {
    free(b->s);
    *b = (strbuf){0};
}

void strbuf_addn(strbuf *b, const char *text, size_t n) {
    if (b->len + n + 1 > b->cap) {
        b->cap = (b->len + n + 1) * 2;
        b->s = mem_realloc(b->s, b->cap);
    }
    memcpy(b->s + b->len, text, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void strbuf_add(strbuf *b, const char *text) { strbuf_addn(b, text, strlen(text)); }

void strbuf_addf(strbuf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    strbuf_add(b, text);
    free(text);
}

void strbuf_join(strbuf *b, const char *const *texts, int n) {
    for (int i = 0; i < n; i++) {
        if (i > 0) strbuf_add(b, ", ");
        strbuf_add(b, texts[i]);
    }
}

char *str_vformat(const char *fmt, va_list ap) {
    assert(fmt != NULL);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *s = mem_calloc((size_t)(n < 0 ? 0 : n) + 1, 1);
    if (n > 0) vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

char *str_format(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s = str_vformat(fmt, ap);
    va_end(ap);
    return s;
}

/* ---- UTF-8 ---- */

/* Bytes of the well-formed character at s, 0 if there is none; its value in cp. */
static int decode(const unsigned char *s, size_t n, uint32_t *cp) {
    if (n == 0) return 0;
    if (s[0] < 0x80) return *cp = s[0], 1;
    int len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < (size_t)len) return 0;
    uint32_t v = s[0] & (0xffu >> (len + 1));
    for (int i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return 0;
    *cp = v;
    return len;
}

int str_char_bytes(const char *s) {
    uint32_t cp;
    if (*s == '\0') return 0;
    int len = decode((const unsigned char *)s, strnlen(s, 4), &cp);
    return len > 0 ? len : 1;
}

int str_chars(const char *s, size_t n) {
    int chars = 0;
    for (size_t i = 0; i < n; i++) chars += ((unsigned char)s[i] & 0xc0) != 0x80;
    return chars;
}

int64_t str_find_bad_utf8(const char *s, size_t n) {
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        int len = decode((const unsigned char *)s + i, n - i, &cp);
        if (len == 0) return (int64_t)i;
        i += (size_t)len;
    }
    return -1;
}

static bool is_harmless(uint32_t cp) {
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) return cp == '\t';
    bool turns = (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
                 (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
    return !turns;
}

/* Printable ASCII, as nearly every text is. */
static bool is_plain(const char *s) {
    while (*s >= ' ' && *s <= '~') s++;
    return *s == '\0';
}

int str_harmless_bytes(const char *s) {
    uint32_t cp = 0;
    int len = *s == '\0' ? 0 : decode((const unsigned char *)s, strnlen(s, 4), &cp);
    return len > 0 && is_harmless(cp) ? len : 0;
}

char *str_escape(const char *s) {
    if (is_plain(s)) return mem_strdup(s);
    strbuf b = {0};
    strbuf_add(&b, "");
    while (*s != '\0') {
        int len = str_harmless_bytes(s);
        if (len > 0)
            strbuf_addn(&b, s, (size_t)len);
        else
            strbuf_addf(&b, "\\x%02x", (unsigned char)*s);
        s += len > 0 ? len : 1;
    }
    return b.s;
}

void str_print_line(FILE *out, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap), *shown = str_escape(text);
    va_end(ap);
    fprintf(out, "%s\n", shown);
    free(text);
    free(shown);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *str_find_twice(const char **texts, int64_t n) {
    if (n > 1) qsort(texts, (size_t)n, sizeof *texts, by_text);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(texts[i - 1], texts[i]) == 0) return texts[i];
    return NULL;
}

/* ---- numbers ---- */

bool str_to_uint(const char *s, uint64_t *out) {
    uint64_t v = 0;
    if (*s == '+') s++;
    if (*s == '\0' || (s[0] == '0' && s[1] != '\0')) return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9') return false;
        if (__builtin_mul_overflow(v, 10u, &v)) return false;
        if (__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v)) return false;
    }
    *out = v;
    return true;
}

bool str_to_int(const char *s, int64_t *out) {
    uint64_t v;
    bool minus = *s == '-';
    if (minus && s[1] == '+') return false;
    if (!str_to_uint(s + minus, &v)) return false;
    if (v > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool str_to_real(const char *s, double *out) {
    /* Shape first (strtod also takes hex, inf, nan and leading blanks); the C
     * locale is in force in the whole program, so strtod reads a point. */
    const char *p = s + (*s == '-' || *s == '+');
    size_t before = strspn(p, "0123456789");
    p += before;
    size_t after = 0;
    if (*p == '.') after = strspn(p + 1, "0123456789"), p += 1 + after;
    if (before + after == 0) return false;
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        size_t digits = strspn(p, "0123456789");
        if (digits == 0) return false;
        p += digits;
    }
    if (*p != '\0') return false;
    double v = strtod(s, NULL);
    if (!isfinite(v)) return false;
    *out = v;
    return true;
}

void str_real(char out[32], double v) {
    if (v == rint(v) && fabs(v) < 1e15) { /* 1000000, not 1e+06 */
        snprintf(out, 32, "%.0f", v == 0 ? 0.0 : v);
        return;
    }
    /* 15 digits of a normal number come back, and %g drops what is 0 of them */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v) return;
    }
}

void str_thousands(char out[32], int64_t n) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);
    int at = 0;
    for (int i = 0; i < len; i++) {
        out[at++] = digits[i];
        int left = len - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') out[at++] = ',';
    }
    out[at] = '\0';
}

void str_bytes(char out[32], int64_t bytes) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    int u = 0;
    for (; v >= 1024 && u < 6; u++) v /= 1024;
    snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
}

void str_duration(char out[32], double seconds) {
    long long s = (long long)(seconds + 0.5);
    if (seconds < 10)
        snprintf(out, 32, "%.1f s", seconds);
    else if (s < 60)
        snprintf(out, 32, "%lld s", s);
    else if (s < 3600)
        snprintf(out, 32, "%lld min %lld s", s / 60, s % 60);
    else
        snprintf(out, 32, "%lld h %lld min", s / 3600, s % 3600 / 60);
}

/* ---- globs ---- */

/* Behind the set [...] that begins at p; NULL if it is not closed before stop. */
static const char *skip_set(const char *p, const char *stop) {
    for (p++; p < stop; p++)
        if (*p == ']') return p + 1;
    return NULL;
}

/* The next ',' or '}' of the braces at p that stands in no set. */
static const char *end_of_alternative(const char *p) {
    while (*p != ',' && *p != '}') p = *p == '[' ? skip_set(p, p + strlen(p)) : p + 1;
    return p;
}

const char *str_glob_check(const char *glob) {
    enum { PATTERNS_MAX = 1000 }; /* without braces, that those with braces stand for */
    const char *stop = glob + strlen(glob);
    int patterns = 1, alternatives = 0; /* of the braces we are in; 0: in none */
    if (glob == stop) return "the pattern is empty";
    for (const char *p = glob; p < stop; p++) {
        if (*p == '[') {
            const char *behind = skip_set(p, stop);
            if (behind == NULL) return "'[' is not closed";
            if (behind == p + 2) return "the set [] is empty";
            p = behind - 1;
        } else if (*p == '{') {
            if (alternatives > 0) return "braces do not nest";
            alternatives = 1;
        } else if (*p == '}') {
            if (alternatives == 0) return "'}' without '{'";
            patterns *= alternatives;
            alternatives = 0;
        } else if (*p == ',' && alternatives > 0) {
            alternatives++;
        }
        if (patterns * (alternatives > 0 ? alternatives : 1) > PATTERNS_MAX)
            return "its braces stand for more than 1000 patterns";
    }
    return alternatives > 0 ? "'{' is not closed" : NULL;
}

/* Is c one of [a-c0-3] at `glob` (behind the bracket)? */
static bool in_set(const char *glob, char c) {
    bool hit = false;
    while (*glob != ']') {
        unsigned char lo = (unsigned char)*glob++, hi = lo, at = (unsigned char)c;
        if (glob[0] == '-' && glob[1] != ']') hi = (unsigned char)glob[1], glob += 2;
        hit |= at >= lo && at <= hi;
    }
    return hit;
}

/* Where a star or a pair of braces stands in one alternative of a pattern, and the part
 * of the text that it matched. */
typedef struct capture {
    size_t begin, end; /* of the alternative in place of the braces; a star: of itself */
    const char *from, *to;
} capture;

typedef struct captures {
    capture all[STR_GLOB_CAPTURES];
    int n;
} captures;

static void pass(captures *c, size_t at, const char *text) {
    for (int i = 0; i < c->n; i++) {
        if (c->all[i].begin == at) c->all[i].from = text;
        if (c->all[i].end == at) c->all[i].to = text;
    }
}

/* A pattern without braces against the whole text. Only the last '*' is tried again:
 * what an earlier one could take more, the last can take as well. */
static bool match(const char *glob, const char *text, captures *c) {
    const char *start = glob, *stop = glob + strlen(glob), *star = NULL, *taken = NULL;
    for (;;) {
        pass(c, (size_t)(glob - start), text);
        if (*text == '\0' && glob == stop) return true;
        if (glob < stop && *glob == '*') {
            star = ++glob, taken = text;
            continue;
        }
        bool one = glob < stop && *text != '\0' &&
                   (*glob == '?' || (*glob == '[' ? in_set(glob + 1, *text) : *glob == *text));
        if (one) {
            glob = *glob == '[' ? skip_set(glob, stop) : glob + 1;
            text++;
        } else {
            if (star == NULL || *taken == '\0') return false;
            glob = star, text = ++taken;
        }
    }
}

/* Adds a capture for each star from `at` to the next braces; where those open. */
static const char *find_braces(const char *glob, size_t at, captures *c) {
    const char *p = glob + at, *stop = glob + strlen(glob);
    while (p < stop && *p != '{') {
        size_t place_of_star = (size_t)(p - glob);
        if (*p == '*' && c->n < STR_GLOB_CAPTURES)
            c->all[c->n++] = (capture){.begin = place_of_star, .end = place_of_star + 1};
        p = *p == '[' ? skip_set(p, stop) : p + 1;
    }
    return p;
}

/* The first pair of braces from `at` on is replaced by each of its alternatives. */
static bool glob_from(const char *glob, size_t at, const char *text, captures *c) {
    const char *open = find_braces(glob, at, c);
    if (*open == '\0') return match(glob, text, c);
    const char *close = open;
    do close = end_of_alternative(close + 1);
    while (*close != '}');
    const captures before = *c;
    bool hit = false;
    for (const char *from = open + 1; from <= close && !hit;) {
        const char *to = end_of_alternative(from);
        size_t begin = (size_t)(open - glob), end = begin + (size_t)(to - from);
        char *one = str_format("%.*s%.*s%s", (int)begin, glob, (int)(to - from), from, close + 1);
        *c = before;
        if (c->n < STR_GLOB_CAPTURES) c->all[c->n++] = (capture){.begin = begin, .end = end};
        hit = glob_from(one, end, text, c);
        free(one);
        from = to + 1;
    }
    return hit;
}

bool str_glob(const char *glob, const char *text) {
    captures none = {.n = 0};
    return glob_from(glob, 0, text, &none);
}

bool str_glob_captures(const char *glob, const char *text, str_span spans[STR_GLOB_CAPTURES]) {
    captures c = {.n = 0};
    bool hit = glob_from(glob, 0, text, &c);
    for (int i = 0; i < STR_GLOB_CAPTURES; i++) {
        bool matched = hit && i < c.n;
        spans[i] = (str_span){matched ? c.all[i].from : text,
                              matched ? (size_t)(c.all[i].to - c.all[i].from) : 0};
    }
    return hit;
}

int str_glob_captures_count(const char *glob) {
    int n = 0;
    for (const char *stop = glob + strlen(glob); glob < stop;) {
        n += *glob == '*' || *glob == '{';
        if (*glob == '{') do
                glob = end_of_alternative(glob + 1);
            while (*glob != '}');
        glob = *glob == '[' ? skip_set(glob, stop) : glob + 1;
    }
    return n;
}
