# QuantMesh on PGXS.
#
#   make, make install      for the PostgreSQL that PG_CONFIG belongs to; ASSERT=1 builds with assertions
#   make check              everything: packages, lint, then build, install and test with and without assertions
#   make check-assert       the same with assertions only
#   make installcheck       tests of what is installed
#   make demo               three instances that trade one account at a paper exchange; one is killed on the way
#   make demo-locks         the locks at work, and a book of orders without an exchange
#   make bench              figures beside what people use instead, into docs/benchmarks; BENCH=short takes two minutes, and writes into tmp_check/bench
#   make stress             faults and races at length, the client's links cut after almost every byte
#   make overnight          three instances for half an hour, a million orders; memory and descriptors must stay flat
#   make fuzz RUNS=n        inputs that nobody would think of, a million unless told
#   make matrix             make check on later Debian releases (root only)
#   make client             libquantmesh and the program quantmesh; make -C client install installs them
#   make check-client       builds and tests them, with sanitizers and under valgrind
#   make lint, format       gates over the sources; clang-format in place

MAKEFLAGS += --no-print-directory
PG_CONFIG ?= pg_config
EXTENSION = quantmesh
MODULE_big = quantmesh
QM_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" quantmesh.control)

FOLDERS = extension worker common
SOURCES := $(sort $(wildcard $(FOLDERS:%=%/*.c)))
INCLUDES := $(sort $(wildcard $(FOLDERS:%=%/*.h)))
SQL := $(sort $(wildcard sql/[0-9]*.sql))
OBJS = $(SOURCES:.c=.o)
DATA_built = $(EXTENSION)--$(QM_VERSION).sql
DATA = $(sort $(wildcard sql/upgrade/*.sql))

PG_CPPFLAGS = $(FOLDERS:%=-I$(srcdir)/%) -DQM_VERSION='"$(QM_VERSION)"' $(if $(ASSERT),-DUSE_ASSERT_CHECKING)
# PostgreSQL's own headers and callback types do not pass the three that are switched off.
PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
EXTRA_CLEAN = $(EXTENSION)--*.sql .flavour tmp_check

# PGXS has a check of its own, and before test/prepare it may not even be there: our goals do without it, and leave
# to a second make what else is asked for.
GOALS = installcheck check check-assert check-client demo demo-locks bench stress overnight fuzz matrix client lint format prepare
ifeq ($(filter $(GOALS),$(MAKECMDGOALS)),)
override with_llvm := no
NO_INSTALLCHECK = 1
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs))
$(if $(PGXS),,$(error $(PG_CONFIG) names no PostgreSQL server headers: run test/prepare, or set PG_CONFIG))
include $(PGXS)

# Built files of one flavour must not be taken for another's, nor outlive a source: the stamp changes with all of it.
FLAVOUR := $(QM_VERSION) $(if $(ASSERT),assertions) $(shell $(PG_CONFIG) --bindir --version) $(SOURCES) $(SQL)
.flavour: FORCE
	@echo '$(FLAVOUR)' | cmp -s - $@ || echo '$(FLAVOUR)' >$@

$(OBJS): $(INCLUDES) .flavour
$(DATA_built): $(SQL) .flavour
	cat $(SQL) >$@

else
$(filter-out $(GOALS),$(MAKECMDGOALS)):
	$(MAKE) $@

# $(call build,ASSERT=1) builds and installs one flavour; only the second needs root, unless the folder is ours.
SUDO = $(shell test -w "$$($(PG_CONFIG) --pkglibdir)" || echo sudo)
build = $(MAKE) -s $(if $(findstring -j,$(MAKEFLAGS)),,-j2) all $(1) && $(SUDO) $(MAKE) -s install PG_CONFIG='$(PG_CONFIG)' $(1)
export PG_CONFIG

# What the unit and client suites test has no assertions of the server's, and whole clusters take long: once is enough for
# them. Without assertions the server is tested with all of its SQL. make installcheck tests all of what is installed.
check: lint check-assert
	$(call build,ASSERT=)
	test/run sql

check-assert: prepare
	$(call build,ASSERT=1)
	test/run all

installcheck:
	test/run all

demo: prepare
	$(call build,ASSERT=)
	$(MAKE) -s -j2 client
	test/demo/run

demo-locks: prepare
	$(call build,ASSERT=)
	test/demo/locks

bench: prepare
	$(call build,ASSERT=)
	test/bench/run $(BENCH)
	test/bench/report tmp_check/bench.csv $(if $(filter short,$(BENCH)),tmp_check/bench)

stress: prepare
	$(call build,ASSERT=1)
	test/fault/days
	test/fault/exchange
	test/fault/run
	test/fault/orders
	test/fault/trading
	test/fault/take_over
	test/fault/mesh
	test/fault/replay
	QM_FAULTS=full QM_ONLY=fault test/run client

overnight: prepare
	$(call build,ASSERT=)
	test/fault/overnight

fuzz: prepare
	test/fuzz/run $(RUNS)

matrix:
	test/matrix

client: prepare
	$(MAKE) -C client

check-client: prepare
	$(call build,ASSERT=1)
	test/run client valgrind

lint: prepare
	test/lint

format:
	clang-format -i $(SOURCES) $(INCLUDES) $(wildcard client/*.[ch] docs/examples/*.c test/*/*.[ch])

prepare:
	test/prepare

.PHONY: $(MAKECMDGOALS)
endif

FORCE:
.PHONY: FORCE
