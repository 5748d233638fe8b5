/*
 * tests/cli/fake_data.h - what the specs of experiments/ read, small and invented.
 */
#ifndef TESTS_CLI_FAKE_DATA_H
#define TESTS_CLI_FAKE_DATA_H

/* Writes the MNIST files and the trained weights below data/ in the folder of the test. */
void fake_data(void);

#endif
