#include "support/support.h"

#include "report/rows.h"

static const row_column columns[] = {
    {"name", "name", 0, false},
    {"accuracy", "accuracy", 2, true},
    {"loss", "loss", ROWS_SHORT, false},
    {"error", NULL, 0, false},
    {NULL, "note", 0, false},
};

/* One row of plain cells, one that needs every rule; free() */
static char *printed(rows_format f) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    row_printer r;
    rows_open(&r, f, columns, 5, out);
    rows_text(&r, "plain");
    rows_real(&r, 0.9844);
    rows_real(&r, 0.1234567891);
    rows_null(&r);
    rows_note(&r, "%d of %d", 1, 2);
    rows_text(&r, "a|b, \"c\"\n\033[31m");
    rows_real(&r, (double)NAN);
    rows_int(&r, -3);
    rows_text(&r, "");
    rows_text(&r, "x");
    rows_close(&r);
    fclose(out);
    return text;
}

static void prints(rows_format f, const char *expected) {
    char *text = printed(f);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(rows, a_table_rounds_aligns_numbers_right_and_escapes_control_characters) {
    prints(ROWS_TABLE, "name                  accuracy      loss  note\n"
                       "plain                  98.44 %  0.123457  1 of 2\n"
                       "a|b, \"c\"\\x0a\\x1b[31m         -        -3  x\n");
}

Test(rows, markdown_escapes_pipes_and_marks_numbers) {
    prints(ROWS_MARKDOWN, "| name | accuracy | loss | note |\n"
                          "| --- | ---: | ---: | --- |\n"
                          "| plain | 98.44 % | 0.123457 | 1 of 2 |\n"
                          "| a\\|b, \"c\"\\\\x0a\\\\x1b\\[31m | - | -3 | x |\n");
}

Test(rows, csv_quotes_by_rfc_4180_and_tells_null_from_empty) {
    prints(ROWS_CSV, "name,accuracy,loss,error\r\n"
                     "plain,0.9844,0.1234567891,\r\n"
                     "\"a|b, \"\"c\"\"\n\\x1b[31m\",,-3,\"\"\r\n");
}

/* D13 */
Test(rows, csv_keeps_spreadsheets_from_calculating_a_text_and_leaves_numbers_alone) {
    static const char *const texts[] = {"=1+1", "+1",    "-1",  "@sum(1)", "\t=1",
                                        "\r=1", "=a\"b", "a=1", "'=1"};
    const row_column three[] = {{"=head", "h", 0, false},
                                {"n", "n", 0, false},
                                {"x", "x", 0, false}};
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    row_printer r;
    rows_open(&r, ROWS_CSV, three, 3, out);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rows_text(&r, texts[i]);
        rows_int(&r, -3);
        rows_real(&r, -0.5);
    }
    rows_close(&r);
    fclose(out);
    cr_assert_str_eq(text, "\"'=head\",n,x\r\n\"'=1+1\",-3,-0.5\r\n\"'+1\",-3,-0.5\r\n"
                           "\"'-1\",-3,-0.5\r\n\"'@sum(1)\",-3,-0.5\r\n\"'\t=1\",-3,-0.5\r\n"
                           "\"'\r=1\",-3,-0.5\r\n\"'=a\"\"b\",-3,-0.5\r\na=1,-3,-0.5\r\n"
                           "'=1,-3,-0.5\r\n");
    free(text);
}

Test(rows, json_has_one_object_a_line_with_all_digits_and_null) {
    char *text = printed(ROWS_JSON);
    json_t *a = json_loadb(text, strcspn(text, "\n"), 0, NULL),
           *b = json_loads(strchr(text, '\n') + 1, 0, NULL);
    cr_assert(json_object_size(a) == 4 && json_object_size(b) == 4, "%s", text);
    cr_assert(json_number_value(json_object_get(a, "loss")) == 0.1234567891);
    cr_assert(json_is_null(json_object_get(a, "error")));
    cr_assert(json_is_null(json_object_get(b, "accuracy")));
    cr_assert_str_eq(json_string_value(json_object_get(b, "name")), "a|b, \"c\"\n\033[31m");
    json_decref(a);
    json_decref(b);
    free(text);
}

Test(rows, the_largest_seed_and_bad_utf8_arrive_in_every_format) {
    const row_column two[] = {{"seed", "seed", 0, false}, {"text", "text", 0, false}};
    const char *expected[] = {"                seed  text\n18446744073709551615  \\xff\n",
                              ("| seed | text |\n| ---: | --- |\n"
                               "| 18446744073709551615 | \\\\xff |\n"),
                              "seed,text\r\n18446744073709551615,\\xff\r\n",
                              "{\"seed\":\"18446744073709551615\",\"text\":\"\\\\xff\"}\n"};
    for (int f = ROWS_TABLE; f <= ROWS_JSON; f++) {
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        row_printer r;
        rows_open(&r, (rows_format)f, two, 2, out);
        rows_uint(&r, UINT64_MAX);
        rows_text(&r, "\xff");
        rows_close(&r);
        fclose(out);
        cr_assert_str_eq(text, expected[f]);
        free(text);
    }
}

Test(rows, a_table_of_many_columns_is_printed) {
    row_column many[100];
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    row_printer r;
    for (int i = 0; i < 100; i++) many[i] = (row_column){"c", "c", 0, false};
    rows_open(&r, ROWS_TABLE, many, 100, out);
    for (int i = 0; i < 200; i++) rows_int(&r, i % 10);
    cr_assert(rows_count(&r) == 2);
    rows_close(&r);
    fclose(out);
    cr_assert(n == 3 * (100 + 99 * 2 + 1), "%zu characters", n);
    free(text);
}
