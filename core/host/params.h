/*
 * host/params.h - the parameters of a plugin: what its table declares, the value
 * that a user writes, the field in the instance that the plugin reads.
 */
#ifndef HOST_PARAMS_H
#define HOST_PARAMS_H

#include "host/plugin_file.h"
#include "util/str.h"

typedef struct param_value {
    bool given;   /* by the user; else the default                           */
    bool is_auto; /* init() chooses; afterwards params_read_back() has it     */
    union {
        int64_t i;
        double r; /* a live parameter that was not given: where it starts    */
        bool b;
        int32_t e;     /* index in choices */
        const char *s; /* borrowed         */
    };
} param_value;

/* A plugin chosen, with the value of each of its parameters. */
typedef struct plugin_choice {
    const plugin *plugin; /* NULL: none chosen */
    param_value values[PLUGIN_MAX_PARAMS];
} plugin_choice;

/* Keys that the spec keeps for itself; a parameter of this name does not load. */
extern const char *const params_reserved[];
extern const int params_n_reserved;

/* What is wrong with parameter i of the plugin, or NULL; free(). */
char *params_check_declaration(const plugin *p, int i);

/* [a-z][a-z0-9_]* of at most PLUGIN_MAX_NAME letters. */
bool params_is_name(const char *s);
/* What is shown to people: NULL, or UTF-8 without control characters but ends of lines and tabs. */
bool params_is_text(const char *s);

/* The choice of a plugin with all defaults. */
plugin_choice params_defaults(const plugin *p);

/* Index of the parameter of this name, -1 if there is none. */
int params_find(const plugin *p, const char *name);

/* Sets a value from what the user wrote; NULL or what is wrong with it, free().
 * The text is borrowed if the parameter is a string. */
char *params_set(plugin_choice *c, int i, const char *text);

/* The value as a user would write it; append to b. */
void params_print(const plugin_choice *c, int i, strbuf *b);
/* "integer 2..8" and the like: what may be written; append to b. */
void params_print_domain(const qb_param *p, strbuf *b);

/* Fills the fields of a zeroed instance. */
void params_fill(const plugin_choice *c, void *self);
/* The values that init() chose for `auto`. */
void params_read_back(plugin_choice *c, const void *self);
/* Live parameters at `progress` in [0, 1] of the training; 1 in evaluation. */
void params_set_live(const plugin_choice *c, void *self, double progress);

#endif
