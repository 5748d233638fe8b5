#include "support/support.h"

#include "util/cursor.h"
#include "util/half.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/rng.h"
#include "util/str.h"
#include "util/suggest.h"
#include "util/summary.h"

Test(hash, sha256_of_the_fips_180_4_examples) {
    char hex[HASH_HEX];
    hash_bytes("abc", 3, hex);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_bytes("", 0, hex);
    cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    hash_bytes(two, strlen(two), hex);
    cr_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(hash, sha256_does_not_depend_on_how_the_bytes_are_cut) {
    char bytes[300], whole[HASH_HEX], cut[HASH_HEX];
    for (int i = 0; i < 300; i++) bytes[i] = (char)(i * 7);
    hash_bytes(bytes, sizeof bytes, whole);
    for (size_t first = 0; first <= 130; first++) {
        hasher h;
        hash_init(&h);
        hash_add(&h, bytes, first);
        hash_add(&h, bytes + first, sizeof bytes - first);
        hash_end(&h, cut);
        cr_assert_str_eq(cut, whole);
    }
}

Test(rng, philox_known_answers_of_random123) {
    uint32_t out[4];
    rng_block(0, 0, out);
    cr_assert(out[0] == 0x6627e8d5 && out[1] == 0xe169c58d && out[2] == 0xbc57ac4c &&
              out[3] == 0x9b00dbd8);
}

Test(rng, a_permutation_holds_every_index_once_and_depends_on_the_key) {
    int64_t a[1000], b[1000];
    bool seen[1000] = {false};
    rng_permutation(5, 1000, a);
    rng_permutation(6, 1000, b);
    cr_assert(memcmp(a, b, sizeof a) != 0);
    for (int i = 0; i < 1000; i++) {
        cr_assert(a[i] >= 0 && a[i] < 1000 && !seen[a[i]]);
        seen[a[i]] = true;
    }
}

Test(rng, permutations_of_three_are_equally_likely) {
    int count[27] = {0};
    for (uint64_t key = 1; key <= 6000; key++) {
        int64_t p[3];
        rng_permutation(rng_key(key, RNG_SHUFFLE, 0, 0), 3, p);
        count[p[0] * 9 + p[1] * 3 + p[2]]++;
    }
    int kinds = 0;
    for (int i = 0; i < 27; i++) {
        kinds += count[i] > 0;
        /* 1000 expected of each, standard deviation 29: 5 of them */
        if (count[i] > 0) cr_assert(abs(count[i] - 1000) < 145, "%d", count[i]);
    }
    cr_assert(kinds == 6);
}

Test(rng, keys_of_different_uses_differ) {
    cr_assert(rng_key(1, RNG_INIT, 0, 0) != rng_key(1, RNG_SHUFFLE, 0, 0));
    cr_assert(rng_key(1, RNG_INIT, 1, 0) != rng_key(1, RNG_INIT, 0, 1));
    cr_assert(rng_key(1, RNG_INIT, 0, 0) != rng_key(2, RNG_INIT, 0, 0));
}

Test(half, every_half_survives_the_way_to_float_and_back) {
    for (uint32_t h = 0; h < 65536; h++) {
        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff)) continue; /* NaN */
        cr_assert(half_from_float(half_to_float((uint16_t)h)) == h, "%04x", h);
    }
}

Test(half, halfway_values_go_to_the_even_neighbour) {
    for (uint32_t h = 0; h < 0x7bff; h++) {
        double a = half_to_float((uint16_t)h), b = half_to_float((uint16_t)(h + 1));
        float middle = (float)((a + b) / 2); /* exact: one bit more than a half */
        uint32_t even = h % 2 == 0 ? h : h + 1;
        cr_assert(half_from_float(middle) == even);
        cr_assert(half_from_float(nextafterf(middle, 0)) == h);
        cr_assert(half_from_float(nextafterf(middle, 1e9f)) == h + 1);
    }
    cr_assert(half_from_float(65519.996f) == 0x7bff && half_from_float(65520.0f) == 0x7c00);
}

Test(str, numbers_are_decimal_whole_and_in_range) {
    int64_t i;
    uint64_t u;
    double r;
    cr_assert(str_to_int("-42", &i) && i == -42);
    cr_assert(str_to_int("9223372036854775807", &i) && i == INT64_MAX);
    cr_assert(str_to_int("-9223372036854775808", &i) && i == INT64_MIN);
    cr_assert(str_to_uint("18446744073709551615", &u) && u == UINT64_MAX);
    const char *bad_ints[] = {"",    "+",   "-",  "010", "0x10",
                              "1.0", "1e3", " 1", "1 ",  "9223372036854775808",
                              "--1", "-+1"};
    for (size_t k = 0; k < sizeof bad_ints / sizeof *bad_ints; k++)
        cr_assert(!str_to_int(bad_ints[k], &i), "%s", bad_ints[k]);
    cr_assert(str_to_real("1e-5", &r) && r == 1e-5);
    cr_assert(str_to_real(".5", &r) && r == 0.5);
    const char *bad_reals[] = {"",     ".",     "e5",    "1e", "nan", "inf",
                               ".inf", "1e400", "0x1p3", " 1", "1,5", "1.2.3"};
    for (size_t k = 0; k < sizeof bad_reals / sizeof *bad_reals; k++)
        cr_assert(!str_to_real(bad_reals[k], &r), "%s", bad_reals[k]);
}

Test(str, a_real_prints_as_the_shortest_text_that_reads_back) {
    char text[32];
    const struct {
        double v;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1e6, "1000000"},
                 {1e-5, "1e-05"},
                 {0.01, "0.01"},
                 {-2.5, "-2.5"},
                 {0, "0"},
                 {1e300, "1e+300"},
                 {5e-324, "5e-324"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        str_real(text, cases[k].v);
        cr_assert_str_eq(text, cases[k].text);
    }
}

static bool captured(const char *glob, const char *text, const char *expected) {
    str_span spans[STR_GLOB_CAPTURES];
    if (!str_glob_captures(glob, text, spans)) return false;
    strbuf b = {0};
    strbuf_add(&b, "");
    for (int i = 0; i < str_glob_captures_count(glob); i++)
        strbuf_addf(&b, "%s%.*s", i > 0 ? "|" : "", (int)spans[i].n, spans[i].s);
    bool same = strcmp(b.s, expected) == 0;
    if (!same) fprintf(stderr, "%s on %s: %s\n", glob, text, b.s);
    strbuf_fini(&b);
    return same;
}

Test(str, globs_say_what_each_star_and_brace_matched) {
    cr_assert(captured("layers.*.weight", "layers.12.weight", "12"));
    cr_assert(captured("*.{q,k}.*", "blk.0.k.weight", "blk.0|k|weight"));
    cr_assert(captured("{a,ab}*", "abc", "a|bc"), "the first alternative that fits counts");
    cr_assert(captured("{a,ab}c*", "abc", "ab|"));
    cr_assert(captured("[*{]?{x*,y}", "{1x23", "x23"), "no captures in sets");
    cr_assert(captured("[*{]?{x*,y}", "*1y", "y"));
    cr_assert(captured("fc1", "fc1", ""));
    cr_assert(!captured("fc*.bias", "fc1.weight", ""));
}

Test(str, globs_match_as_documented) {
    cr_assert(str_glob("fc*", "fc1") && str_glob("*", "") && str_glob("blk.*.q", "blk.10.q"));
    cr_assert(str_glob("blk.?.{q,k,v}", "blk.3.k") && !str_glob("blk.?.{q,k,v}", "blk.3.o"));
    cr_assert(str_glob("fc[0-2]", "fc2") && !str_glob("fc[0-2]", "fc3"));
    cr_assert(str_glob("{fc,conv}[12]*", "conv2.weight") && !str_glob("fc", "fc1"));
    cr_assert(str_glob_check("a{b") != NULL && str_glob_check("a[b") != NULL &&
              str_glob_check("") != NULL);
    cr_assert(str_glob_check("a}b") != NULL && str_glob_check("{a,{b}}") != NULL &&
              str_glob_check("a*") == NULL);
}

Test(str, braces_and_commas_inside_a_set_of_a_glob_are_letters) {
    cr_assert(str_glob_check("{[,]x,y}") == NULL && str_glob_check("fc[{]") == NULL &&
              str_glob_check("{[}],a}") == NULL && str_glob_check("fc[}]") == NULL);
    cr_assert(str_glob("{[,]x,y}", ",x") && str_glob("{[,]x,y}", "y") &&
              !str_glob("{[,]x,y}", "]x") && !str_glob("{[,]x,y}", "["));
    cr_assert(str_glob("fc[{]", "fc{") && !str_glob("fc[{]", "fc1"));
    cr_assert(str_glob("a{[}],b}c", "a}c") && str_glob("a{[}],b}c", "abc") &&
              !str_glob("a{[}],b}c", "a,b}c"));
    cr_assert(str_glob("[{,}]{,x}", "{") && str_glob("[{,}]{,x}", ",x"));
    cr_assert(str_glob_check("a[]") != NULL && str_glob_check("{[],b}") != NULL &&
              str_glob_check("{a[,b}") != NULL);
}

Test(str, stars_of_a_glob_give_back_what_they_took) {
    cr_assert(str_glob("*ab*ab", "xabyabab") && !str_glob("*ab*abc", "xabyabab"));
    cr_assert(str_glob("a*{b,c*}d", "axcyd") && str_glob("*[ab]?", "bbx") && !str_glob("*a", "b"));
}

Test(str, a_glob_of_many_stars_or_braces_ends_at_once, .timeout = 5) {
    enum { STARS = 60, LONG = 20000 };
    strbuf glob = {0}, text = {0};
    for (int i = 0; i < STARS; i++) strbuf_add(&glob, "a*");
    strbuf_add(&glob, "b");
    for (int i = 0; i < LONG; i++) strbuf_add(&text, "a");
    cr_assert(str_glob_check(glob.s) == NULL && !str_glob(glob.s, text.s));
    strbuf_add(&text, "b");
    cr_assert(str_glob(glob.s, text.s));
    cr_assert(str_glob_check("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}") == NULL);
    cr_assert(str_glob_check("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}") != NULL);
    strbuf_fini(&glob);
    strbuf_fini(&text);
}

Test(str, texts_are_joined_with_commas_between_them) {
    const char *texts[] = {"a", "", "c"};
    strbuf b = {0};
    strbuf_add(&b, "of ");
    strbuf_join(&b, texts, 0);
    strbuf_join(&b, texts, 3);
    cr_assert_str_eq(b.s, "of a, , c");
    strbuf_fini(&b);
}

Test(str, of_texts_the_first_in_order_that_is_there_twice_is_found) {
    const char *texts[] = {"d", "b", "", "d", "a", "b", "aa"};
    cr_assert(str_find_twice(NULL, 0) == NULL && str_find_twice(texts, 3) == NULL);
    cr_assert_str_eq(str_find_twice(texts, 7), "b");
    const char *empty[] = {"", "x", ""};
    cr_assert_str_eq(str_find_twice(empty, 3), "");
}

Test(str, text_for_the_terminal_is_escaped) {
    char *s = str_escape("a\x1b[31m\xe2\x80\xae\xff z\xc3\xa9");
    cr_assert_str_eq(s, "a\\x1b[31m\\xe2\\x80\\xae\\xff z\xc3\xa9");
    free(s);
}

Test(str, utf8_is_checked_as_rfc_3629_says) {
    cr_assert(str_find_bad_utf8("a\xc3\xa9\xf0\x9f\x99\x82", 7) == -1);
    cr_assert(str_find_bad_utf8("a\xc0\x80", 3) == 1);        /* overlong */
    cr_assert(str_find_bad_utf8("\xed\xa0\x80", 3) == 0);     /* a surrogate */
    cr_assert(str_find_bad_utf8("\xf4\x90\x80\x80", 4) == 0); /* beyond U+10FFFF */
    cr_assert(str_find_bad_utf8("ab\xc3", 3) == 2);           /* cut off */
}

Test(suggest, the_nearest_name_within_a_third_of_the_word) {
    const char *names[] = {"epochs", "steps", "eval_every"};
    cr_assert_str_eq(suggest_nearest("epoch", names, 3), "epochs");
    cr_assert_str_eq(suggest_nearest("stpes", names, 3), "steps");
    cr_assert(suggest_nearest("learning", names, 3) == NULL);
    cr_assert(suggest_distance("ab", "ba") == 1 && suggest_distance("kitten", "sitting") == 3);
}

Test(cursor, a_read_past_the_end_fails_for_good) {
    const uint8_t bytes[] = {1, 2, 3, 4, 5};
    cursor c = cursor_of(bytes, sizeof bytes);
    cr_assert(cursor_u32le(&c) == 0x04030201 && !c.failed && cursor_left(&c) == 1);
    cr_assert(cursor_u16le(&c) == 0 && c.failed);
    cr_assert(cursor_u8(&c) == 0 && cursor_take(&c, 0) == NULL);
}

/* What a printer of diags writes; free() */
static char *printed(diags *d, void (*print)(diags *d, FILE *out)) {
    FILE *f = tmpfile();
    print(d, f);
    rewind(f);
    char *text = calloc(1, 16384);
    text[fread(text, 1, 16383, f)] = '\0';
    fclose(f);
    return text;
}

Test(json, no_text_and_no_seed_is_lost) {
    json_t *o = json_object();
    json_set_str(o, "bad", "a\xff");
    json_set_str(o, "good", "\xc3\xa9\x1b");
    json_set_seed(o, "small", INT64_MAX);
    json_set_seed(o, "large", UINT64_MAX);
    cr_assert_str_eq(json_string_value(json_object_get(o, "bad")), "a\\xff");
    cr_assert_str_eq(json_string_value(json_object_get(o, "good")), "\xc3\xa9\x1b");
    cr_assert(json_integer_value(json_object_get(o, "small")) == INT64_MAX);
    cr_assert_str_eq(json_string_value(json_object_get(o, "large")), "18446744073709551615");
    json_decref(o);
}

Test(err, errors_come_out_sorted_once_each_and_twenty_at_most) {
    diags d;
    diags_init(&d);
    place at = {.file = "f", .line = 3, .col = 1, .width = 1, .source = "abc"};
    diag_error_at(&d, ERR_SPEC, &at, "second");
    at.line = 1;
    diag_error_at(&d, ERR_INPUT, &at, "first");
    diag_error_at(&d, ERR_INPUT, &at, "first");
    cr_assert(d.errors == 2 && diags_status(&d) == ERR_INPUT);
    for (int i = 0; i < 30; i++) at.line = 10 + i, diag_error_at(&d, ERR_SPEC, &at, "more");
    char *text = printed(&d, diags_print);
    cr_assert(strncmp(text, "f:1:1: error: first\n", 20) == 0);
    cr_assert(strstr(text, "... and 12 more errors\n") != NULL, "%s", text);
    free(text);
    diags_fini(&d);
}

Test(err, warnings_crowd_out_no_error) {
    diags d;
    diags_init(&d);
    place at = {.file = "f", .line = 1, .col = 1, .width = 1, .source = "abc"};
    for (int i = 0; i < 30; i++) at.line = 10 + i, diag_warning_at(&d, &at, "beware");
    cr_assert(diags_status(&d) == OK);
    at.line = 50;
    diag_error_at(&d, ERR_INPUT, &at, "wrong");
    cr_assert(diags_status(&d) == ERR_INPUT && d.errors == 1 && d.warnings == 30);
    char *text = printed(&d, diags_print), *json = printed(&d, diags_print_json);
    cr_assert(strstr(text, "f:50:1: error: wrong\n") != NULL &&
                  strstr(text, "f:29:1: warning") != NULL &&
                  strstr(text, "f:30:1: warning") == NULL &&
                  strstr(text, "... and 10 more warnings\n") != NULL &&
                  strstr(text, "more error") == NULL,
              "%s", text);
    const char *end = "{\"severity\":\"left out\",\"errors\":0,\"warnings\":10}\n";
    cr_assert_str_eq(json + strlen(json) - strlen(end), end);
    cr_assert(strstr(json, "\"message\":\"wrong\"") != NULL);
    free(text);
    free(json);
    diags_fini(&d);
}

Test(err, the_status_and_the_errors_shown_are_the_first_by_position_however_they_come) {
    diags d;
    diags_init(&d);
    place at = {.file = "f", .line = 1, .col = 1, .width = 1, .source = "abc"};
    for (int i = 0; i < 40; i++) at.line = 50 - i, diag_error_at(&d, ERR_SPEC, &at, "later");
    at.line = 2;
    diag_error_at(&d, ERR_PLUGIN, &at, "first");
    diag_hint(&d, "its hint");
    cr_assert(diags_status(&d) == ERR_PLUGIN);
    char *text = printed(&d, diags_print);
    cr_assert(strncmp(text, "f:2:1: error: first\n", 20) == 0 &&
                  strstr(text, "hint: its hint") != NULL &&
                  strstr(text, "... and 21 more errors\n") != NULL,
              "%s", text);
    free(text);
    diags_fini(&d);
}

Test(summary, a_median_is_the_middle_and_its_deviation_the_middle_one) {
    double odd[] = {9, 1, 4}, even[] = {8, 1, 2, 3}, one[] = {7};
    cr_assert(summary_median(odd, 3) == 4 && odd[0] == 1 && odd[2] == 9);
    cr_assert(summary_median(even, 4) == 2.5);
    cr_assert(summary_median(one, 1) == 7 && summary_mad(one, 1, 7) == 0);
    cr_assert(summary_mad(even, 4, 2.5) == 1); /* of 1.5, 0.5, 0.5, 5.5 */
    cr_assert(isnan(summary_median(NULL, 0)) && isnan(summary_mad(NULL, 0, 0)));
    double ends[] = {INFINITY, INFINITY, 1};
    cr_assert(isinf(summary_median(ends, 3)));
}
