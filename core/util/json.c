#include "util/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "util/str.h"

void json_set_str(json_t *object, const char *key, const char *value) {
    json_t *text = value != NULL ? json_string(value) : json_null();
    if (text == NULL) { /* not UTF-8 */
        char *escaped = str_escape(value);
        text = json_string(escaped);
        free(escaped);
    }
    json_object_set_new(object, key, text);
}

void json_set_int(json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
}

void json_set_seed(json_t *object, const char *key, uint64_t seed) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    json_object_set_new(object, key,
                        seed <= INT64_MAX ? json_integer((int64_t)seed) : json_string(text));
}

void json_set_real(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

void json_set_bool(json_t *object, const char *key, int value) {
    json_object_set_new(object, key, json_boolean(value));
}

void json_print_line(json_t *object, FILE *out) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENSURE_ASCII);
    if (text != NULL) fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}
