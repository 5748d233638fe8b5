#include "util/json.h"

#include <math.h>
#include <stdlib.h>

void json_set_str(json_t *object, const char *key, const char *value) {
    json_object_set_new(object, key, value != NULL ? json_string(value) : json_null());
}

void json_set_int(json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
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
