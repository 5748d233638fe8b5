#include "data/glyphs.h"

#include <math.h>

#include "util/rng.h"

typedef struct point {
    float x, y; /* right and down; a digit fills about 0.2..0.8 by 0.1..0.9 */
} point;

typedef struct stroke {
    point from, bend, to; /* a quadratic Bezier curve */
} stroke;

typedef struct digit {
    int n;
    stroke strokes[8];
} digit;

static const digit digits[GLYPH_CLASSES] = {
    {4,
     {{{.50f, .10f}, {.78f, .10f}, {.78f, .50f}},
      {{.78f, .50f}, {.78f, .90f}, {.50f, .90f}},
      {{.50f, .90f}, {.22f, .90f}, {.22f, .50f}},
      {{.22f, .50f}, {.22f, .10f}, {.50f, .10f}}}},
    {2, {{{.34f, .27f}, {.45f, .21f}, {.52f, .10f}}, {{.52f, .10f}, {.52f, .50f}, {.52f, .90f}}}},
    {4,
     {{{.25f, .30f}, {.27f, .10f}, {.50f, .10f}},
      {{.50f, .10f}, {.75f, .10f}, {.75f, .32f}},
      {{.75f, .32f}, {.75f, .52f}, {.25f, .90f}},
      {{.25f, .90f}, {.50f, .90f}, {.78f, .90f}}}},
    {6,
     {{{.27f, .18f}, {.40f, .08f}, {.55f, .10f}},
      {{.55f, .10f}, {.75f, .14f}, {.74f, .30f}},
      {{.74f, .30f}, {.72f, .47f}, {.45f, .48f}},
      {{.45f, .48f}, {.77f, .50f}, {.77f, .70f}},
      {{.77f, .70f}, {.76f, .90f}, {.50f, .90f}},
      {{.50f, .90f}, {.33f, .90f}, {.24f, .78f}}}},
    {3,
     {{{.62f, .10f}, {.41f, .36f}, {.20f, .62f}},
      {{.20f, .62f}, {.51f, .62f}, {.82f, .62f}},
      {{.64f, .35f}, {.64f, .63f}, {.64f, .92f}}}},
    {6,
     {{{.72f, .10f}, {.52f, .10f}, {.32f, .10f}},
      {{.32f, .10f}, {.30f, .28f}, {.29f, .45f}},
      {{.29f, .45f}, {.50f, .36f}, {.66f, .46f}},
      {{.66f, .46f}, {.82f, .58f}, {.74f, .75f}},
      {{.74f, .75f}, {.64f, .93f}, {.42f, .90f}},
      {{.42f, .90f}, {.30f, .88f}, {.23f, .78f}}}},
    {5,
     {{{.66f, .10f}, {.36f, .20f}, {.28f, .55f}},
      {{.28f, .55f}, {.24f, .90f}, {.50f, .90f}},
      {{.50f, .90f}, {.76f, .90f}, {.75f, .68f}},
      {{.75f, .68f}, {.73f, .48f}, {.52f, .48f}},
      {{.52f, .48f}, {.34f, .48f}, {.28f, .65f}}}},
    {2, {{{.22f, .12f}, {.50f, .12f}, {.77f, .12f}}, {{.77f, .12f}, {.55f, .45f}, {.45f, .90f}}}},
    {8,
     {{{.50f, .10f}, {.72f, .10f}, {.72f, .28f}},
      {{.72f, .28f}, {.72f, .45f}, {.50f, .48f}},
      {{.50f, .48f}, {.28f, .45f}, {.28f, .28f}},
      {{.28f, .28f}, {.28f, .10f}, {.50f, .10f}},
      {{.50f, .48f}, {.77f, .50f}, {.77f, .70f}},
      {{.77f, .70f}, {.77f, .90f}, {.50f, .90f}},
      {{.50f, .90f}, {.23f, .90f}, {.23f, .70f}},
      {{.23f, .70f}, {.23f, .50f}, {.50f, .48f}}}},
    {5,
     {{{.34f, .90f}, {.64f, .80f}, {.72f, .45f}},
      {{.72f, .45f}, {.76f, .10f}, {.50f, .10f}},
      {{.50f, .10f}, {.24f, .10f}, {.25f, .32f}},
      {{.25f, .32f}, {.27f, .52f}, {.48f, .52f}},
      {{.48f, .52f}, {.66f, .52f}, {.72f, .35f}}}},
};

/* How much a sample may differ from the digit as drawn above; uniform in +-. */
static const float WARP = 0.20f;   /* each entry of the linear map            */
static const float SHIFT = 3.8f;   /* pixels                                  */
static const float WOBBLE = 0.05f; /* control points                          */
static const float NOISE = 0.20f;  /* half width of the noise of a pixel      */
enum { PIECES = 6 };               /* straight pieces that a stroke becomes   */

typedef struct source { /* the sample's random numbers, one after the other */
    uint64_t key, at;
} source;

static float spread(source *s, float half) {
    return half * (2.0f * rng_uniform(s->key, s->at++) - 1.0f);
}

typedef struct pen {
    float m[4];   /* linear map, unit square to pixels */
    point middle; /* where (0.5, 0.5) goes, in pixels  */
    float radius; /* of the stroke, in pixels          */
    float soft;   /* width of its edge                 */
} pen;

static pen make_pen(source *s) {
    const float size = 20.0f; /* pixels, as in MNIST: a 20 x 20 digit in 28 x 28 */
    pen p;
    p.m[0] = size * (1.0f + spread(s, WARP));
    p.m[1] = size * spread(s, WARP);
    p.m[2] = size * spread(s, WARP);
    p.m[3] = size * (1.0f + spread(s, WARP));
    p.middle.x = 0.5f * GLYPH_SIDE + spread(s, SHIFT);
    p.middle.y = 0.5f * GLYPH_SIDE + spread(s, SHIFT);
    p.radius = 1.4f + spread(s, 0.6f);
    p.soft = 1.1f + spread(s, 0.5f);
    return p;
}

static point place(const pen *p, point q) {
    float x = q.x - 0.5f, y = q.y - 0.5f;
    return (point){p->middle.x + p->m[0] * x + p->m[1] * y,
                   p->middle.y + p->m[2] * x + p->m[3] * y};
}

static float min(float a, float b) { return a < b ? a : b; }
static float max(float a, float b) { return a > b ? a : b; }

/* Squared distance from pixel (x, y) to the segment a..b. */
static float distance2(float x, float y, point a, point b) {
    float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    float t = length2 > 0 ? ((x - a.x) * dx + (y - a.y) * dy) / length2 : 0;
    t = min(max(t, 0), 1);
    float ex = x - (a.x + t * dx), ey = y - (a.y + t * dy);
    return ex * ex + ey * ey;
}

/* Lowers d2[pixel] to the squared distance from the segment, near the segment. */
static void draw_segment(point a, point b, float reach, float d2[GLYPH_PIXELS]) {
    int x0 = (int)max(0, min(a.x, b.x) - reach), y0 = (int)max(0, min(a.y, b.y) - reach);
    int x1 = (int)min(GLYPH_SIDE - 1, max(a.x, b.x) + reach);
    int y1 = (int)min(GLYPH_SIDE - 1, max(a.y, b.y) + reach);
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++) {
            float *d = &d2[y * GLYPH_SIDE + x];
            *d = min(*d, distance2((float)x + 0.5f, (float)y + 0.5f, a, b));
        }
}

static void draw_stroke(const pen *p, stroke s, float d2[GLYPH_PIXELS]) {
    float reach = p->radius + p->soft + 1.0f;
    point last = place(p, s.from);
    for (int i = 1; i <= PIECES; i++) {
        float t = (float)i / PIECES, u = 1.0f - t;
        float a = u * u, b = 2.0f * u * t, c = t * t;
        point next = place(p, (point){a * s.from.x + b * s.bend.x + c * s.to.x,
                                      a * s.from.y + b * s.bend.y + c * s.to.y});
        draw_segment(last, next, reach, d2);
        last = next;
    }
}

/* Where two strokes meet they must meet after the wobble too: a point's move
 * depends on the point, not on the stroke. */
static point wobble(const source *s, point q) {
    uint64_t where = (uint64_t)(q.x * 100.0f + 0.5f) * 101 + (uint64_t)(q.y * 100.0f + 0.5f);
    uint64_t i = 1u << 20 | 2 * where;
    q.x += WOBBLE * (2.0f * rng_uniform(s->key, i) - 1.0f);
    q.y += WOBBLE * (2.0f * rng_uniform(s->key, i + 1) - 1.0f);
    return q;
}

/* Four numbers of a block, four noisy pixels. */
static void add_noise(uint64_t key, float pixel[GLYPH_PIXELS]) {
    for (int i = 0; i < GLYPH_PIXELS; i += 4) {
        uint32_t r[4];
        rng_block(key, (1u << 24) + (uint64_t)i, r);
        for (int k = 0; k < 4; k++) {
            float noise = NOISE * ((float)(r[k] >> 8) * 0x1p-23f - 1.0f);
            float v = min(max(pixel[i + k] + noise, 0), 1);
            pixel[i + k] = (float)(int)(v * 255.0f + 0.5f) / 255.0f;
        }
    }
}

int glyph_draw(uint64_t seed, glyph_split split, int64_t i, float pixel[GLYPH_PIXELS]) {
    uint64_t number = (uint64_t)split << 40 | (uint64_t)i;
    source s = {.key = rng_key(seed, RNG_GLYPH, number, 0)};
    int label = (int)(i % GLYPH_CLASSES);
    const digit *d = &digits[label];
    pen p = make_pen(&s);
    float d2[GLYPH_PIXELS];
    for (int k = 0; k < GLYPH_PIXELS; k++) d2[k] = 1e6f;
    for (int k = 0; k < d->n; k++) {
        stroke q = d->strokes[k];
        draw_stroke(&p, (stroke){wobble(&s, q.from), wobble(&s, q.bend), wobble(&s, q.to)}, d2);
    }
    for (int k = 0; k < GLYPH_PIXELS; k++)
        pixel[k] = min(max(0.5f + (p.radius - sqrtf(d2[k])) / p.soft, 0), 1);
    add_noise(s.key, pixel);
    return label;
}
