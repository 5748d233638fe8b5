#include "util/str.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

char *str_vformat(const char *fmt, va_list ap) {
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

char *str_escape(const char *s) {
    strbuf b = {0};
    size_t n = strlen(s);
    strbuf_add(&b, "");
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        int len = decode((const unsigned char *)s + i, n - i, &cp);
        if (len > 0 && is_harmless(cp)) {
            strbuf_addn(&b, s + i, (size_t)len);
        } else {
            len = len > 0 ? len : 1;
            for (int k = 0; k < len; k++)
                strbuf_addf(&b, "\\x%02x", (unsigned char)s[i + (size_t)k]);
        }
        i += (size_t)len;
    }
    return b.s;
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
    for (int digits = 1; digits <= 17; digits++) {
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

/* ---- globs ---- */

const char *str_glob_check(const char *glob) {
    bool brace = false, bracket = false;
    if (*glob == '\0') return "the pattern is empty";
    for (const char *p = glob; *p != '\0'; p++) {
        if (*p == '[' && !bracket)
            bracket = true;
        else if (*p == ']' && bracket)
            bracket = false;
        else if (*p == '{' && brace)
            return "braces do not nest";
        else if (*p == '{')
            brace = true;
        else if (*p == '}' && !brace)
            return "'}' without '{'";
        else if (*p == '}')
            brace = false;
    }
    if (bracket) return "'[' is not closed";
    if (brace) return "'{' is not closed";
    return NULL;
}

/* Matches one of [a-c0-3] at `glob` (behind the bracket); end in *rest. */
static bool match_set(const char *glob, char c, const char **rest) {
    bool hit = false;
    while (*glob != ']') {
        char lo = *glob++, hi = lo;
        if (glob[0] == '-' && glob[1] != ']') hi = glob[1], glob += 2;
        hit |= c >= lo && c <= hi;
    }
    *rest = glob + 1;
    return hit;
}

/* Captures of the pattern between two places of it. */
static int count_captures(const char *glob, const char *end) {
    int n = 0;
    for (bool set = false; glob < end; glob++) {
        set = set ? *glob != ']' : *glob == '[';
        n += !set && (*glob == '*' || *glob == '{');
    }
    return n;
}

/* The whole pattern, and where its captures go (NULL: nowhere). */
typedef struct captures {
    const char *glob;
    str_span *spans;
} captures;

static void capture(const captures *c, const char *at, const char *from, const char *to) {
    int i = c->spans != NULL ? count_captures(c->glob, at) : STR_GLOB_CAPTURES;
    if (i < STR_GLOB_CAPTURES) c->spans[i] = (str_span){from, (size_t)(to - from)};
}

/* An alternative of braces: where the braces are, what they match from, what follows. */
typedef struct alternative {
    const char *brace, *text, *tail;
} alternative;

/* The pattern from glob up to stop, then what follows the braces that it is in. */
static bool match(const captures *c, const char *glob, const char *stop, const alternative *in,
                  const char *text);

/* The braces at `glob`, then the rest of the pattern. */
static bool match_brace(const captures *c, const char *glob, const char *text) {
    const char *close = strchr(glob, '}');
    const alternative in = {glob, text, close + 1};
    for (const char *from = glob + 1; from <= close;) {
        const char *to = from + strcspn(from, ",}");
        if (match(c, from, to, &in, text)) return true;
        from = to + 1;
    }
    return false;
}

static bool match(const captures *c, const char *glob, const char *stop, const alternative *in,
                  const char *text) {
    for (; glob != stop; glob++, text++) {
        const char *rest, *from = text;
        switch (*glob) {
        case '*':
            for (;; text++) {
                if (match(c, glob + 1, stop, in, text)) {
                    capture(c, glob, from, text);
                    return true;
                }
                if (*text == '\0') return false;
            }
        case '{': return match_brace(c, glob, text);
        case '[':
            if (*text == '\0' || !match_set(glob + 1, *text, &rest)) return false;
            glob = rest - 1;
            break;
        case '?':
            if (*text == '\0') return false;
            break;
        default:
            if (*glob != *text) return false;
        }
    }
    if (in == NULL) return *text == '\0';
    if (!match(c, in->tail, in->tail + strlen(in->tail), NULL, text)) return false;
    capture(c, in->brace, in->text, text);
    return true;
}

bool str_glob_captures(const char *glob, const char *text, str_span spans[STR_GLOB_CAPTURES]) {
    for (int i = 0; i < STR_GLOB_CAPTURES; i++) spans[i] = (str_span){text, 0};
    captures c = {glob, spans};
    return match(&c, glob, glob + strlen(glob), NULL, text);
}

bool str_glob(const char *glob, const char *text) {
    captures c = {glob, NULL};
    return match(&c, glob, glob + strlen(glob), NULL, text);
}

int str_glob_captures_count(const char *glob) { return count_captures(glob, glob + strlen(glob)); }
