#include "util/suggest.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST = 80 };

static int min3(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int suggest_distance(const char *a, const char *b) {
    int na = (int)strnlen(a, LONGEST), nb = (int)strnlen(b, LONGEST);
    int d[LONGEST + 1][LONGEST + 1];
    for (int i = 0; i <= na; i++) d[i][0] = i;
    for (int j = 0; j <= nb; j++) d[0][j] = j;
    for (int i = 1; i <= na; i++)
        for (int j = 1; j <= nb; j++) {
            int change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min3(change, d[i - 1][j] + 1, d[i][j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[na][nb];
}

const char *suggest_nearest(const char *word, const char *const *names, int n) {
    int len = (int)strnlen(word, LONGEST);
    int best = (len / 3 > 2 ? len / 3 : 2) + 1;
    const char *nearest = NULL;
    for (int i = 0; i < n; i++) {
        int distance = suggest_distance(word, names[i]);
        /* A name that shares nothing with a short word is no suggestion. */
        int longer = (int)strlen(names[i]) > len ? (int)strlen(names[i]) : len;
        if (distance < best && distance < longer) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
