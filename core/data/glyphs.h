/*
 * data/glyphs.h - the embedded data set: drawn digits, 28 x 28, so that every
 * command and test runs on a fresh machine.
 *
 * A digit is a few quadratic strokes. A sample moves their control points, maps
 * them by a random affine map, draws them with a random thickness and softness
 * and adds noise. Pixels are k / 255. Arithmetic is + - * / sqrt on floats only,
 * so the pixels are the same on every machine.
 */
#ifndef DATA_GLYPHS_H
#define DATA_GLYPHS_H

#include <stdint.h>

enum { GLYPH_SIDE = 28, GLYPH_PIXELS = GLYPH_SIDE * GLYPH_SIDE, GLYPH_CLASSES = 10 };

/* The default sizes of the splits. */
enum { GLYPH_TRAIN = 20000, GLYPH_TEST = 5000 };

/* Splits take disjoint ranges of sample numbers. */
typedef enum glyph_split { GLYPHS_OF_TRAIN = 0, GLYPHS_OF_TEST, GLYPHS_OF_VALID } glyph_split;

/* Draws sample i < 2^40 of a split; returns its digit. Any thread. */
int glyph_draw(uint64_t seed, glyph_split split, int64_t i, float pixel[GLYPH_PIXELS]);

#endif
