# quantbench: the only build file. `make help` lists the targets.

ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
Q := $(if $(V),,@)    # `make V=1` shows the commands

# One reason for each is in README.md.
PKGS := yaml-0.1 sqlite3 openblas zlib libzip jansson libisal
DEPS := gcc g++ make pkg-config libyaml-dev libsqlite3-dev libopenblas-pthread-dev zlib1g-dev \
	libzip-dev libjansson-dev libisal-dev libcriterion-dev gnuplot-nox sqlite3 clang-format $(if $(findstring clang,$(CC)),clang libomp-dev)
# For the checks on machines that this one is not.
EMULATORS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
# For `make fuzz`.
FUZZ_DEPS := clang llvm libomp-dev libclang-rt-dev

# No contraction to FMA and never -ffast-math: a result must not depend on what the
# compiler likes (core/simd/README.md). Nobody reads the errno of sqrt().
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef \
	-Wvla -Wwrite-strings -Wformat=2 -Werror
NUMERIC := -ffp-contract=off -fno-math-errno
# Debug information names no folder: the hash of a plugin, which results record, is that of its text.
PATHS := '-ffile-prefix-map=$(CURDIR)=.'
ALL_CFLAGS := -std=c11 -O3 -g $(NUMERIC) $(PATHS) $(WARNINGS) $(CFLAGS)
# The host offers all of plugin.h; a plugin asks for what it needs.
CORE_CFLAGS = $(ALL_CFLAGS) -D_GNU_SOURCE -DQB_ABI_MINOR=QB_ABI_MINOR_LATEST -fopenmp -Icore -Icore/include -I$(BUILD)/gen \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PLUGIN_CFLAGS := $(ALL_CFLAGS) -fPIC -fvisibility=hidden -Icore/include
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lm -fopenmp

# Each level of the kernels has its own instructions, and only its own file has them.
ISA_FILES := core/simd/sse4.c core/simd/avx2.c core/simd/avx2_bmi2.c core/simd/avx512.c core/simd/vnni.c core/simd/amx.c core/simd/avx512_vbmi.c
ISA_sse4 := -mssse3 -msse4.1
ISA_avx2 := -mavx2
ISA_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl
ISA_vnni := $(ISA_avx512) -mavx512vnni
ISA_amx := $(ISA_avx512) -mamx-tile -mamx-int8
ISA_avx2_bmi2 := -mavx2 -mbmi2
ISA_avx512_vbmi := $(ISA_avx512) -mavx512vbmi -mavx512vbmi2 -mavx512vnni -mgfni
ARM_FILES := core/simd/neon.c core/simd/neon_dotprod.c
ISA_neon_dotprod := -march=armv8.2-a+dotprod
MACHINE := $(shell $(CC) -dumpmachine)
OTHER_ISA := $(if $(findstring x86_64,$(MACHINE)),,$(ISA_FILES)) $(if $(findstring aarch64,$(MACHINE)),,$(ARM_FILES))

CORE := $(filter-out $(OTHER_ISA),$(wildcard core/*/*.c))
OBJECTS := $(CORE:%.c=$(BUILD)/%.o)
LIBRARY := $(filter-out $(BUILD)/core/cli/main.o,$(OBJECTS))
PLUGINS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard plugins/*/*.c))
TEST_FOLDERS := unit kernels plugins cli faults
TESTS := $(TEST_FOLDERS:%=$(BUILD)/tests/test_%)
FIXTURES := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/fixtures/*.c tests/fixtures/liars/*.c tests/fixtures/preload/*.c))
SOURCES = $(wildcard core/*/*.[ch] core/simd/*.inc core/include/quantbench/*.h plugins/*/*.c tests/*/*.[ch] tests/kernels/*.inc tests/*/*/*.[ch])

.PHONY: all install deps demo test fixtures bench bench-store bench-integrity check-kernels readme-check \
	clean-install-check check-layers check-format check-asan fuzz-unpack needed emulators \
	check-kernels-arm64 check-kernels-x86-emulated check-faults check-long format clean help
.DELETE_ON_ERROR:

all: $(BUILD)/quantbench $(PLUGINS) $(BUILD)/quantbench.pc    ## build the program and the plugins

$(BUILD)/quantbench: $(OBJECTS)
	@echo "  link  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/core/%.o: core/%.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(CORE_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/plugins/%.so: plugins/%.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(PLUGIN_CFLAGS) -MMD -MP -shared -o $@ $< -lm

$(BUILD)/tests/fixtures/%.so: tests/fixtures/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(PLUGIN_CFLAGS) -MMD -MP -shared -o $@ $< -lm

$(BUILD)/core/simd/sse4.o: CORE_CFLAGS += $(ISA_sse4)
$(BUILD)/core/simd/avx2.o: CORE_CFLAGS += $(ISA_avx2)
$(BUILD)/core/simd/avx512.o: CORE_CFLAGS += $(ISA_avx512)
$(BUILD)/core/simd/avx2_bmi2.o: CORE_CFLAGS += $(ISA_avx2_bmi2)
$(BUILD)/core/simd/avx512_vbmi.o: CORE_CFLAGS += $(ISA_avx512_vbmi)
$(BUILD)/core/simd/scalar_plain.o: CORE_CFLAGS += -fno-tree-vectorize -fno-tree-slp-vectorize
$(BUILD)/core/simd/vnni.o: CORE_CFLAGS += $(ISA_vnni)
$(BUILD)/core/simd/amx.o: CORE_CFLAGS += $(ISA_amx)
$(BUILD)/core/simd/neon_dotprod.o: CORE_CFLAGS += $(ISA_neon_dotprod)

# The database schema as C strings, one for each line.
$(BUILD)/core/store/schema.o: $(BUILD)/gen/store/schema.sql.inc
$(BUILD)/gen/store/schema.sql.inc: core/store/schema.sql
	@mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/' $< > $@

# What new-plugin writes, the same way.
TEMPLATES := $(wildcard core/cli/templates/*)
$(BUILD)/core/cli/new_plugin.o: $(TEMPLATES:core/cli/templates/%=$(BUILD)/gen/cli/%.inc)
$(BUILD)/gen/cli/%.inc: core/cli/templates/%
	@mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/' $< > $@

# The commit that the program says it was built from; rewritten only when it changes.
$(BUILD)/core/run/environment.o: $(BUILD)/gen/commit.h
$(BUILD)/gen/commit.h: FORCE
	@mkdir -p $(@D)
	@commit=$$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown); \
	echo "#define GIT_COMMIT \"$$commit\"" > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# A test folder is one program.
define test_program
$(BUILD)/tests/test_$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/$(1)/*.c tests/support/*.c)) $(LIBRARY)
	@echo "  link  $$@"
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcriterion
endef
$(foreach folder,$(TEST_FOLDERS),$(eval $(call test_program,$(folder))))

$(BUILD)/tests/test_faults: $(BUILD)/tests/cli/command.o

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(CORE_CFLAGS) -Itests -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(PLUGINS:.so=.d) $(FIXTURES:.so=.d) $(wildcard $(BUILD)/tests/*/*.d)

# For those who build plugins: the header where it is now, or where it is installed.
define pkg_config
prefix=$(1)
includedir=$(2)
plugindir=$(3)

Name: quantbench
Description: quantization workbench, the header of its plugins
Version: $(shell sed -n 's/.*QUANTBENCH_VERSION "\([0-9.]*\)".*/\1/p' core/run/environment.h)
Cflags: -I$${includedir}
endef
$(BUILD)/quantbench.pc: export TEXT = $(call pkg_config,$(CURDIR),$(CURDIR)/core/include,$(abspath $(BUILD))/plugins)
$(BUILD)/quantbench.pc: Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' "$$TEXT" > $@

PREFIX ?= /usr/local
LIB := $(DESTDIR)$(PREFIX)/lib
install: export TEXT = $(call pkg_config,$(PREFIX),$(PREFIX)/include,$(PREFIX)/lib/quantbench/plugins)
install: all    ## PREFIX (/usr/local), DESTDIR: program, plugins, header, quantbench.pc
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/quantbench $(LIB)/pkgconfig \
		$(LIB)/quantbench/plugins/schemes $(LIB)/quantbench/plugins/packers $(LIB)/quantbench/plugins/ste
	$(Q)install -m 755 $(BUILD)/quantbench $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 core/include/quantbench/plugin.h $(DESTDIR)$(PREFIX)/include/quantbench
	$(Q)for kind in schemes packers ste; do \
		install -m 755 $(BUILD)/plugins/$$kind/*.so $(LIB)/quantbench/plugins/$$kind || exit 1; done
	$(Q)printf '%s\n' "$$TEXT" > $(LIB)/pkgconfig/quantbench.pc
	$(Q)chmod 644 $(LIB)/pkgconfig/quantbench.pc
	@echo "installed in $(DESTDIR)$(PREFIX)"

deps: needed emulators fuzz-tools    ## install what is missing (Debian, Ubuntu), what check-long wants too
needed:
	@sh tests/tools/deps.sh $(DEPS)
emulators:
	@sh tests/tools/deps.sh $(EMULATORS)

demo: needed    ## build, run experiments/demo.yaml, print its verdict and the three files to open
	@$(MAKE) --no-print-directory all
	@start=$$(date +%s) && \
	$(BUILD)/quantbench run experiments/demo.yaml --db results/quantbench.db && \
	$(BUILD)/quantbench plot pareto demo --db results/quantbench.db -o results/demo-pareto.svg >/dev/null && \
	echo && $(BUILD)/quantbench report demo --db results/quantbench.db -o results/demo.html && \
	printf '\nresults/demo.html         the report: opens offline in any browser\n%s\n%s\n%s\n' \
		'results/demo-pareto.svg   accuracy against effective bits' \
		'results/quantbench.db     every number, for any SQLite tool' \
		"the demo took $$(($$(date +%s) - start)) s"

test: needed    ## everything that a commit must pass; the last line is the count
	@$(MAKE) --no-print-directory all $(TESTS) $(REPLAYS) fixtures
	@REPLAYS="$(FUZZ_TARGETS)" sh tests/tools/run.sh $(BUILD) $(TEST_FOLDERS)

fixtures: $(FIXTURES)    # plugins that tests load
	@:

# Programs of their own, without Criterion. The check of the kernels needs no more of core than
# they do: it is built for other machines too.
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(wildcard tests/tools/*.c))
CHECK_KERNELS := $(BUILD)/tests/check_kernels
$(CHECK_KERNELS): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/kernels/check_*.c) $(filter-out core/util/parallel.c,$(filter core/simd/% core/util/%,$(CORE))))
$(filter-out $(CHECK_KERNELS),$(TOOLS)): $(LIBRARY)
$(TOOLS): $(BUILD)/tests/%: $(BUILD)/tests/tools/%.o
	@echo "  link  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

bench: all    ## how fast everything is, into core/simd/README.md (minutes)
	@sh tests/tools/bench_readme.sh $(BUILD)/quantbench core/simd/README.md

bench-store: $(BUILD)/quantbench $(PLUGINS) $(BUILD)/tests/bench_store    ## what listing and recording runs cost
	@$(BUILD)/tests/bench_store $(BUILD)/quantbench

bench-integrity: $(BUILD)/tests/bench_integrity    ## what the checks of packed files cost
	@$<

# Some alone, by the beginning of their names: KERNELS=pack_.
KERNELS_ASKED = $(if $(KERNELS),only $(KERNELS))
check-kernels: $(BUILD)/tests/check_kernels    ## every level of every kernel against scalar, bit for bit
	@$(BUILD)/tests/check_kernels $(KERNELS_ASKED)

check-kernels-arm64: emulators    ## the same of NEON, built for arm64 and run under qemu, with and without dot product
	@sh tests/tools/check_emulated.sh $(BUILD) arm64 $(KERNELS_ASKED)

check-kernels-x86-emulated: emulators $(BUILD)/tests/check_kernels $(BUILD)/quantbench $(PLUGINS)    ## the same on CPUs with SSE4.1 alone and with AVX2, under qemu
	@sh tests/tools/check_emulated.sh $(BUILD) x86 $(KERNELS_ASKED)

readme-check: $(BUILD)/quantbench $(PLUGINS) $(TESTS)    ## run the commands of README.md, compare what they print
	@sh tests/tools/readme_check.sh $(BUILD)

clean-install-check:    ## `make demo` and `make test` in a bare Debian (root, debootstrap, a network)
	@sh tests/tools/clean_install.sh

# Tests leak, so leaks are not looked for.
ASAN_CFLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
ASAN_FOLDERS := unit kernels plugins
check-asan: deps    ## the tests of units, kernels and plugins under ASan and UBSan, in build-asan
	@$(MAKE) --no-print-directory BUILD=build-asan CFLAGS="$(ASAN_CFLAGS) $(CFLAGS)" all \
		$(ASAN_FOLDERS:%=build-asan/tests/test_%) $(FIXTURES:$(BUILD)/%=build-asan/%)
	@ASAN_OPTIONS=detect_leaks=0 CHECKS= sh tests/tools/run.sh build-asan $(ASAN_FOLDERS)

fuzz-unpack:    ## each unpacker reads 10^6 damaged strings at every SIMD level, under ASan and UBSan
	@$(MAKE) --no-print-directory BUILD=build-asan CFLAGS="$(ASAN_CFLAGS) $(CFLAGS)" all build-asan/tests/fuzz_unpack
	@QUANTBENCH_PLUGIN_PATH=build-asan/plugins build-asan/tests/fuzz_unpack $(STRINGS)

# Some 45,000 runs of 20 ms. Tests of their own can be named: FAULTS='writers/*'.
check-faults: all fixtures $(BUILD)/tests/test_faults    ## tests/faults in full: every call and allocation of a run fails (an hour)
	@QUANTBENCH_FAULTS=full QUANTBENCH_BUILD=$(BUILD) $(BUILD)/tests/test_faults $(if $(FAULTS),--filter '$(FAULTS)')

# One file of tests/fuzz is a target. `make test` reads the saved strings of each (tests/fuzz/corpus) with
# the compiler at hand; `make fuzz` makes a fuzzer of it, with clang, in a build of its own.
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/tests/replay_%)
FUZZERS := $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz_target_%)
FUZZ_COMMON := $(patsubst %.c,$(BUILD)/%.o,tests/fuzz/common.c $(wildcard tests/support/formats*.c))
$(REPLAYS): $(BUILD)/tests/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(FUZZ_COMMON) $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(FUZZERS): $(BUILD)/tests/fuzz_target_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/engine.o $(FUZZ_COMMON) $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

FUZZ_CFLAGS := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fprofile-instr-generate -fcoverage-mapping -Wno-error
EXECUTIONS ?= 1000000
.PHONY: fuzz fuzzers fuzz-tools
fuzzers: $(FUZZERS)
fuzz-tools:
	@sh tests/tools/deps.sh $(FUZZ_DEPS)
fuzz: all fuzz-tools    ## each reader reads 10^6 strings (EXECUTIONS) under ASan and UBSan; clang
	@$(MAKE) --no-print-directory CC=clang BUILD=build-fuzz CFLAGS="$(FUZZ_CFLAGS)" fuzzers
	@sh tests/tools/fuzz.sh build-fuzz $(BUILD) $(EXECUTIONS) $(or $(TARGETS),$(FUZZ_TARGETS))

check-long: check-kernels check-kernels-arm64 check-kernels-x86-emulated check-asan fuzz-unpack fuzz check-faults readme-check clean-install-check    ## all of these: hours
	@echo "check-long: everything passed"

check-layers:    ## who may include whom (core/README.md), and every header compiles alone
	@sh tests/tools/check_layers.sh "$(CC)" "$(CORE_CFLAGS)"

check-format:    ## the sources are as clang-format writes them
	@clang-format --dry-run -Werror $(SOURCES) && echo "check-format: $(words $(SOURCES)) files are fine"

format:    ## write them that way
	clang-format -i $(SOURCES)

clean:    ## remove what was built
	rm -rf $(BUILD)

help:    ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*##  *\(.*\)/  \1@\2/p' Makefile | awk -F@ '{printf "  %-28s %s\n", $$1, $$2}'
