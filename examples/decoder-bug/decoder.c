/* Reads TDI, a tiny format of our own for 8 x 8 digits, and classifies what it read. DELIBERATELY VULNERABLE: it is the
 * subject of a research case and must never serve anybody. Built with -DMENDED it checks what it is told.
 *
 *   "TDI1"  width u8  height u8  length of a comment u16, little endian  the comment  runs: count u8, value u8 (0 to 16)
 *
 * As in the programs that the case is about, decoder and classifier share one block of memory: the pixels, the comment,
 * and behind them the numbers that the classifier adds to its scores.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, DIGITS = 10, COMMENT = 32 };

struct work {
    uint8_t pixels[PIXELS];
    char comment[COMMENT];
    float offsets[DIGITS]; /* a copy of the model's */
    float scores[DIGITS];
};

/* 0, or a negative number for a file that is refused. */
static int decode(const uint8_t *data, size_t size, struct work *to)
{
    if (size < 8 || memcmp(data, "TDI1", 4) != 0)
        return -1;
    size_t pixels = (size_t)data[4] * data[5], length = data[6] | (size_t)data[7] << 8;
#ifdef MENDED
    if (data[4] != SIDE || data[5] != SIDE || length >= COMMENT || 8 + length > size)
        return -2;
#else
    if (pixels == 0)
        return -2;
#endif
    memcpy(to->comment, data + 8, length); /* the length is the file's word, and there is room for 32 */
    const uint8_t *at = data + 8 + length, *end = data + size;
    size_t done = 0;
    while (done < pixels) {
        if (at + 2 > end)
            return -3;
        size_t count = at[0];
        if (count == 0) {
#ifdef MENDED
            return -4;
#else
            continue; /* an empty run is skipped, over and over */
#endif
        }
#ifdef MENDED
        if (count > pixels - done || at[1] > 16)
            return -5;
#endif
        memset(to->pixels + done, at[1], count); /* as many pixels as the runs say, wherever they end */
        done += count;
        at += 2;
    }
    return 0;
}

/* The pixels alone: what the model is meant to see. */
int tdi_decode(const uint8_t *data, size_t size, uint8_t *pixels)
{
    struct work *work = calloc(1, sizeof *work);
    int code = decode(data, size, work);
    if (code == 0)
        memcpy(pixels, work->pixels, PIXELS);
    free(work);
    return code;
}

/* Scores of the ten digits: weights (10, 64) times the pixels, plus the offsets. */
int tdi_answer(const uint8_t *data, size_t size, const float *weights, const float *offsets, float *scores)
{
    struct work *work = calloc(1, sizeof *work);
    memcpy(work->offsets, offsets, sizeof work->offsets);
    int code = decode(data, size, work);
    for (int d = 0; code == 0 && d < DIGITS; d++) {
        float sum = work->offsets[d];
        for (int p = 0; p < PIXELS; p++)
            sum += weights[d * PIXELS + p] * work->pixels[p];
        work->scores[d] = sum;
    }
    if (code == 0)
        memcpy(scores, work->scores, sizeof work->scores);
    free(work);
    return code;
}
