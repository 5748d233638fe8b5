#include "report/html.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/mem.h"

/* ---- text ---- */

static void add_line(strbuf *b, const char *line) {
    char *safe = str_escape(line);
    for (const char *p = safe; *p != '\0'; p++) {
        switch (*p) {
        case '&': strbuf_add(b, "&amp;"); break;
        case '<': strbuf_add(b, "&lt;"); break;
        case '>': strbuf_add(b, "&gt;"); break;
        case '"': strbuf_add(b, "&quot;"); break;
        case '\'': strbuf_add(b, "&#39;"); break;
        default: strbuf_addn(b, p, 1);
        }
    }
    free(safe);
}

void html_text(strbuf *b, const char *text) {
    strbuf_add(b, "");
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");
        char *line = mem_strndup(text, n);
        add_line(b, line);
        free(line);
        text += n;
        if (*text == '\n') strbuf_add(b, "\n"), text++;
    }
}

void html_text_cut(strbuf *b, const char *text, int max) {
    size_t n = 0, len = strlen(text);
    for (int i = 0; i < max && n < len; i++) n += (size_t)str_char_bytes(text + n);
    char *cut = mem_strndup(text, n);
    html_text(b, cut);
    if (n < len) strbuf_add(b, "…");
    free(cut);
}

/* ---- the frame ---- */

static const char style[] =
    ":root{--paper:#fff;--ink:#24292f;--muted:#57606a;--grid:#d8dee4;--card:#f6f8fa;"
    "--accent:#0072b2;color-scheme:light dark}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--muted:#9aa4ae;"
    "--grid:#30363d;--card:#161b22;--accent:#56b4e9}}\n"
    "@media print{:root{--paper:#fff;--ink:#000;--muted:#444;--grid:#ccc;--card:#fff}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,"
    "-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"DejaVu Sans\",sans-serif}\n"
    "main{max-width:820px;margin:0 auto;padding:28px 20px 60px}\n"
    "h1{font-size:1rem;font-weight:600;color:var(--muted);margin:0 0 10px}\n"
    "h2{font-size:1.25rem;margin:46px 0 10px;padding-top:14px;border-top:1px solid var(--grid)}\n"
    "h3{font-size:1rem;margin:26px 0 6px}\n"
    ".verdict{font-size:1.45rem;line-height:1.35;font-weight:600;margin:0 0 18px;"
    "text-wrap:pretty}\n"
    "p{margin:0 0 12px}\n"
    ".note,figcaption,caption{color:var(--muted);font-size:.9rem}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(138px,1fr));gap:10px;"
    "margin:22px 0}\n"
    ".tiles div{background:var(--card);border:1px solid var(--grid);border-radius:8px;"
    "padding:12px 14px}\n"
    ".tiles dt{color:var(--muted);font-size:.8rem}\n"
    ".tiles dd{overflow-wrap:anywhere;margin:2px 0 0;font-size:1.3rem;font-weight:600;font-variant-numeric:"
    "tabular-nums}\n"
    ".tiles small{display:block;font-size:.8rem;font-weight:400;color:var(--muted)}\n"
    ".wide{overflow-x:auto;margin:14px 0}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:"
    "tabular-nums}\n"
    "caption{text-align:left;padding:0 0 8px}\n"
    "th,td{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--grid);"
    "vertical-align:top;white-space:nowrap}\n"
    "th{font-weight:600;color:var(--muted);font-size:.8rem}\n"
    "th.n,td.n{text-align:right}\n"
    "td.name{white-space:normal;min-width:8em;overflow-wrap:anywhere}\n"
    "tr.won td{font-weight:600}\n"
    "i.swatch{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:8px}\n"
    "i.s0{background:#24292f}i.s1{background:#0072b2}i.s2{background:#d55e00}"
    "i.s3{background:#009e73}i.s4{background:#cc79a7}i.s5{background:#e69f00}"
    "i.s6{background:#56b4e9}i.s7{background:#f0e442}i.s8{background:#306989}"
    "i.s9{background:#9a5f30}i.s10{background:#307f69}i.s11{background:#966c83}"
    "i.s12{background:#a37f30}i.s13{background:#5b8aa4}i.s14{background:#a8a251}\n"
    "figure{margin:18px 0 30px}\n"
    "figcaption{margin:6px 0 8px;max-width:70ch}\n"
    "svg{display:block;width:100%;height:auto;background:var(--paper)}\n"
    "svg text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\","
    "\"DejaVu Sans\",sans-serif}\n"
    "svg.narrow{display:none}\n"
    "@media(max-width:560px){svg.wide-picture{display:none}svg.narrow{display:block}"
    ".verdict{font-size:1.2rem}main{padding:20px 16px 40px}}\n"
    "@media print{svg.wide-picture{display:block}svg.narrow{display:none}}\n"
    /* the four colours of figures that turn in the dark (report/figure.h) */
    "[fill=\"#24292f\"]{fill:var(--ink)}[stroke=\"#24292f\"]{stroke:var(--ink)}"
    "[color=\"#24292f\"],[color=\"black\"]{color:var(--ink)}i.s0{background:var(--ink)}\n"
    "[fill=\"#57606a\"]{fill:var(--muted)}[stroke=\"#57606a\"]{stroke:var(--muted)}"
    "[color=\"#57606a\"]{color:var(--muted)}\n"
    "[fill=\"#d8dee4\"]{fill:var(--grid)}[stroke=\"#d8dee4\"]{stroke:var(--grid)}\n"
    "[fill=\"#ffffff\"]{fill:var(--paper)}[color=\"#ffffff\"]{color:var(--paper)}\n"
    "details{margin:8px 0}\n"
    "summary{cursor:pointer;color:var(--accent);font-size:.9rem}\n"
    "pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\","
    "monospace;font-size:.82rem}\n"
    "pre{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:12px "
    "14px;overflow:auto;max-height:26em;tab-size:4}\n"
    "pre.command{max-height:none;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "td code{white-space:nowrap}\n"
    ":focus-visible{outline:2px solid var(--accent);outline-offset:2px}\n"
    "@media print{pre{max-height:none;white-space:pre-wrap}"
    "h2,h3{break-after:avoid}figure,tr{break-inside:avoid}main{max-width:none;padding:0}"
    ".wide{overflow:visible}td,th{white-space:normal;overflow-wrap:anywhere}}\n";

static void add_base64(strbuf *b, const uint8_t *data, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) bits = bits << 8 | (k < have ? data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            strbuf_addn(b, k <= have ? &digits[bits >> (18 - 6 * k) & 63] : "=", 1);
    }
}

static void add_style_hash(strbuf *b) {
    char hex[HASH_HEX];
    uint8_t bytes[32];
    hash_bytes(style, sizeof style - 1, hex);
    for (int i = 0; i < 32; i++) {
        const char two[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    add_base64(b, bytes, sizeof bytes);
}

void html_begin(strbuf *b, const char *title) {
    strbuf_add(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'sha256-");
    add_style_hash(b);
    strbuf_add(b, "'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    html_text_cut(b, title, 80);
    strbuf_add(b, " - quantbench report</title>\n<style>");
    strbuf_add(b, style);
    strbuf_add(b, "</style>\n</head>\n<body>\n<main>\n");
}

void html_end(strbuf *b) { strbuf_add(b, "</main>\n</body>\n</html>\n"); }

/* ---- tables ---- */

void html_table_begin(strbuf *b, const char *caption, const char *const *heads) {
    strbuf_addf(b,
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
                "<caption>%s</caption>\n<thead><tr>",
                caption, caption);
    for (int i = 0; heads[i] != NULL; i++)
        strbuf_addf(b, "<th scope=\"col\"%s>%s</th>", heads[i][0] == '>' ? " class=\"n\"" : "",
                    heads[i] + (heads[i][0] == '>'));
    strbuf_add(b, "</tr></thead>\n<tbody>\n");
}

void html_table_end(strbuf *b) { strbuf_add(b, "</tbody></table></div>\n"); }

void html_row_begin(strbuf *b) { strbuf_add(b, "<tr>"); }
void html_row_end(strbuf *b) { strbuf_add(b, "</tr>\n"); }

void html_cell(strbuf *b, const char *text) {
    strbuf_add(b, "<td class=\"name\">");
    html_text_cut(b, text != NULL ? text : "", 400);
    strbuf_add(b, "</td>");
}

void html_cell_code(strbuf *b, const char *text) {
    strbuf_add(b, "<td><code>");
    html_text(b, text);
    strbuf_add(b, "</code></td>");
}

void html_cell_real(strbuf *b, double v, int decimals, const char *unit) {
    if (isfinite(v))
        strbuf_addf(b, "<td class=\"n\">%.*f%s</td>", decimals, v, unit);
    else
        strbuf_add(b, "<td class=\"n\">-</td>");
}

void html_cell_stat(strbuf *b, double mean, double sd, double scale, const char *unit) {
    if (!isfinite(mean)) {
        strbuf_add(b, "<td class=\"n\">-</td>");
        return;
    }
    strbuf_addf(b, "<td class=\"n\">%.2f%s", scale * mean, unit);
    if (isfinite(sd)) strbuf_addf(b, " ± %.2f", scale * sd);
    strbuf_add(b, "</td>");
}
