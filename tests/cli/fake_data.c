#include "cli/fake_data.h"

#include <zlib.h>

#include "cli/command.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/str.h"

/* A tiny stand-in for MNIST: 160 images of 28 x 28 whose class is where they are light. */
static void fake_mnist(void) {
    uint8_t images[16 + 160 * 784] = {0, 0, 8, 3, 0, 0, 0, 160, 0, 0, 0, 28, 0, 0, 0, 28},
                              labels[8 + 160] = {0, 0, 8, 1, 0, 0, 0, 160};
    for (int i = 0; i < 160; i++) {
        labels[8 + i] = (uint8_t)(i % 10);
        memset(images + 16 + i * 784 + i % 10 * 78, 200, 78);
    }
    free(expect(0, "mkdir -p data/mnist"));
    const char *names[] = {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3",
                           "t10k-labels-idx1"};
    for (int i = 0; i < 4; i++) {
        char *path = str_format("%s/data/mnist/%s-ubyte.gz", dir, names[i]);
        gzFile gz = gzopen(path, "wb");
        if (i % 2 == 0)
            gzwrite(gz, images, sizeof images);
        else
            gzwrite(gz, labels, sizeof labels);
        gzclose(gz);
        free(path);
    }
}

/* A stand-in for weights/own_mlp_mnist_fp32.safetensors: its names and shapes. */
static void fake_weights(void) {
    static float w[512 * 784];
    static const char *const names[] = {"0.weight", "2.weight", "4.weight",
                                        "0.bias",   "2.bias",   "4.bias"};
    static const int64_t out[] = {512, 512, 10}, in[] = {784, 512, 512};
    named_floats t[6];
    char *path = path_join(dir, "data/weights/own_mlp_mnist_fp32.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    diags d;
    diags_init(&d);
    free(expect(0, "mkdir -p data/weights"));
    fill_gauss(1, w, 512 * 784, 0.05f);
    for (int i = 0; i < 6; i++) {
        t[i] = (named_floats){.name = names[i], .n_dims = i < 3 ? 2 : 1, .data = w};
        t[i].shape[0] = out[i % 3], t[i].shape[1] = in[i % 3];
    }
    cr_assert(safetensors_write(path, t, 6, &d, hex, &bytes) == OK);
    free(path);
    diags_fini(&d);
}

void fake_data(void) {
    fake_mnist();
    fake_weights();
}
