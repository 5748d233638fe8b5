#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "run/verify_file.h"
#include "util/json.h"
#include "util/str.h"

static const char *verdict(const verify_result *r) {
    if (r->fine) return "fine";
    if (r->repaired) return "repaired";
    if (r->whole) return "parity damaged";
    if (r->g.total == 0 && r->beyond == 0) return "unchecked";
    return r->g.total == 0 || r->beyond > 0 ? "beyond repair" : "damaged";
}

static json_t *block_json(const verify_block *b) {
    json_t *o = json_object(), *names = json_array();
    for (int i = 0; i < b->n_names; i++) json_array_append_new(names, json_string(b->names[i]));
    json_set_str(o, "kind", b->kind);
    json_set_int(o, "offset", b->offset);
    json_set_int(o, "bytes", b->bytes);
    if (b->stripe >= 0) json_set_int(o, "stripe", b->stripe);
    if (b->first >= 0)
        json_set_int(o, "first_byte", b->first), json_set_int(o, "last_byte", b->last);
    json_object_set_new(o, "tensors", names);
    return o;
}

static void print_json(const char *path, const verify_result *r) {
    json_t *o = json_object(), *blocks = json_array();
    for (int i = 0; i < r->n_blocks; i++) json_array_append_new(blocks, block_json(&r->blocks[i]));
    json_set_str(o, "file", path);
    json_set_str(o, "status", verdict(r));
    json_set_int(o, "bytes", r->present); /* as they were found */
    if (r->g.total > 0) {
        json_set_int(o, "written_bytes", r->g.total);
        json_set_int(o, "integrity_bytes", r->g.total - r->g.payload);
        json_set_int(o, "block_bytes", INTEGRITY_BLOCK);
        json_set_int(o, "blocks", r->g.blocks);
        json_set_int(o, "stripes", r->g.stripes);
        json_set_int(o, "parity", r->g.parity);
    }
    json_object_set_new(o, "damaged", blocks);
    json_print_line(o, stdout);
}

/* Names are the file's, and it is damaged. */
static void print_block(const verify_block *b) {
    strbuf line = {0};
    if (strcmp(b->kind, "missing") == 0)
        strbuf_addf(&line, "missing: %" PRId64 " bytes from byte %" PRId64 " on", b->bytes,
                    b->offset);
    else
        strbuf_addf(&line, "damaged: %s block at byte %" PRId64 ", %" PRId64 " bytes", b->kind,
                    b->offset, b->bytes);
    if (b->stripe >= 0) strbuf_addf(&line, ", stripe %" PRId64, b->stripe);
    for (int i = 0; i < b->n_names; i++)
        strbuf_addf(&line, "%s%s", i > 0 ? ", " : ": ", b->names[i]);
    if (b->first >= 0 && b->first == b->last)
        strbuf_addf(&line, " (byte %" PRId64 ")", b->first);
    else if (b->first >= 0)
        strbuf_addf(&line, " (bytes %" PRId64 " to %" PRId64 ")", b->first, b->last);
    str_print_line(stdout, "%s", line.s);
    strbuf_fini(&line);
}

static void print_text(const char *path, const verify_result *r) {
    for (int i = 0; i < r->n_blocks; i++) print_block(&r->blocks[i]);
    if (r->g.total == 0) return;
    str_print_line(stdout,
                   "%s: %s; %" PRId64 " bytes, %" PRId64 " block%s of %d in %" PRId64
                   " stripe%s, each with %d of parity",
                   path, verdict(r), r->repaired ? r->g.total : r->present, r->g.blocks,
                   r->g.blocks == 1 ? "" : "s", INTEGRITY_BLOCK, r->g.stripes,
                   r->g.stripes == 1 ? "" : "s", r->g.parity);
}

static status run(const cli_args *a) {
    verify_result r;
    status bad = verify_file(a->words[0], cli_has(a, "--repair"), &r, a->d);
    if (r.present > 0 && cli_has(a, "--json")) /* 0: it could not be read */
        print_json(a->words[0], &r);
    else
        print_text(a->words[0], &r);
    verify_result_fini(&r);
    return bad;
}

const verb verb_verify = {
    .name = "verify",
    .words = "FILE",
    .min_words = 1,
    .max_words = 1,
    .summary = "find damage of a packed file, and repair it",
    .text = "Compares every byte with the checks that the file has. Exit 4 if one of the header or "
            "the data is not as it was\n"
            "written, or if that cannot be known; a warning if only parity or checks are damaged. "
            "Each damaged block is\n"
            "named, with its offset and the tensors (or the header) in it, and so is what a file "
            "that was cut off lacks. As many blocks of a "
            "stripe as it has of parity\n"
            "can be restored: output.save.parity of a spec, --parity of quantize.\n",
    .options = {{"--repair", NULL,
                 "restore the file bit for bit, or leave it as it is where that cannot be done"},
                {"--json", NULL, "one JSON object"}},
    .run = run,
};
