# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The checkers, pinned. golangci-lint takes a minute and a half to build, the others
# seconds; all are built once into .local/bin, each in a folder with its version.
GOFUMPT      := mvdan.cc/gofumpt@v0.12.0
STATICCHECK  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCILINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK  := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GITLEAKS     := github.com/zricethezav/gitleaks/v8@v8.30.1
tool = .local/bin/$(notdir $(1))/$(notdir $(firstword $(subst @, ,$(1))))
gofumpt := $(call tool,$(GOFUMPT))
staticcheck := $(call tool,$(STATICCHECK))
golangcilint := $(call tool,$(GOLANGCILINT))
govulncheck := $(call tool,$(GOVULNCHECK))
# Its module's name ends in the version's number, so it has a rule of its own.
gitleaks := .local/bin/gitleaks@$(lastword $(subst @, ,$(GITLEAKS)))/gitleaks

# What the Lambdas are built with: static, small, the same bytes from any directory.
# SAM runs `go build` without flags of its own and passes the environment on.
lambda_env = CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath -tags=lambda.norpc '-ldflags=-s -w -buildid='"
GOARCH ?= arm64
lambdas = $(filter-out local mcp-stdio,$(notdir $(patsubst %/,%,$(wildcard functions/*/))))

# SAM and what checks its template, in an environment of their own.
SAM_TOOLS := aws-sam-cli==1.170.0 cfn-lint==1.58.0 cfn-lint-serverless==0.3.6 checkov==3.2.459
# It comes with the translator that CloudFormation itself runs: aws-sam-translator.
MOTO := moto[cloudformation,cognitoidp,server]==5.2.5
PLOT := matplotlib==3.10.7
# What the documented commands talk to moto's server with.
AWS_CLI := awscli==1.46.3
sam := .local/venv/bin/sam
# The last of what is installed, so that an older environment gets it too.
moto := .local/venv/bin/aws

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## the whole service on http://127.0.0.1:3000 (or PORT): engine, streams, schedules, inbox
	@test -x .local/bin/releases || echo "Compiling; the first time this takes a minute or two."
	@go build -o .local/bin/releases ./functions/local
	@exec .local/bin/releases

.PHONY: demo
demo: ## in a second terminal: takes a release through its life on the running service, and checks the results
	@test -x .local/bin/releases || echo "Compiling; the first time this takes a minute or two."
	@go build -o .local/bin/releases ./functions/local
	@exec .local/bin/releases demo

.PHONY: test
test: ## every test, with the race detector, on the real engine (DYNAMODB_ENDPOINT names another)
	@# make check vets; doing it here too would type-check the whole SDK once more. One package more than
	@# there are processors: tests wait for their engines. And none need wait a second for races at its end.
	GORACE=atexit_sleep_ms=10 go test -race -vet=off -timeout 20m -p $$(($$(getconf _NPROCESSORS_ONLN) + 1)) ./...

.PHONY: check
check: fmt vet staticcheck lint tidy generated ## everything that needs no engine: format, vet, linters, module, generated files

.PHONY: fmt
fmt: $(gofumpt) ## is every file formatted? (make fix formats)
	@bad=$$($(gofumpt) -l functions shared); test -z "$$bad" || { echo "not formatted, run make fix:"; echo "$$bad"; exit 1; }

.PHONY: fix
fix: $(gofumpt) ## formats every file
	$(gofumpt) -l -w functions shared

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: staticcheck
staticcheck: $(staticcheck) ## staticcheck
	$(staticcheck) ./...

.PHONY: lint
lint: $(golangcilint) ## golangci-lint, with .golangci.yml
	$(golangcilint) run ./...

.PHONY: security
security: $(golangcilint) $(gitleaks) $(govulncheck) ## gosec, secrets in the tree and its history, known holes in modules and in Go (where their list can be had)
	$(golangcilint) run --enable-only gosec ./...
	$(gitleaks) dir --config .ci/gitleaks.toml --no-banner --redact .
	$(gitleaks) git --config .ci/gitleaks.toml --no-banner --redact .
	@found=$$($(govulncheck) ./... 2>&1); status=$$?; echo "$$found"; \
	case "$$status $$found" in \
	0*) ;; \
	1*"fetching vulnerabilities"*) echo "NOT CHECKED for known holes: the list at vuln.go.dev cannot be had from here." ;; \
	*) exit $$status ;; \
	esac

# Each with the inputs kept beside it, and then new ones. go test runs the kept ones anyway.
FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: ## every fuzz target in turn, each for FUZZTIME (ONLY=regexp narrows it); what is found is kept in testdata/fuzz
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' functions shared | grep -E '$(if $(ONLY),$(ONLY),.)' | sort | \
		sed -E 's|^(.*)/[^/]*:func (.*)$$|\1 \2|' | while read -r folder target; do \
		echo "── $$target in $$folder"; \
		go test -vet=off ./$$folder -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) || exit 1; \
	done

.PHONY: tidy
tidy: ## are go.mod and go.sum what the code needs?
	go mod tidy -diff

.PHONY: generated
generated: ## is everything that is generated up to date?
	@state() { git status --porcelain; git diff; }; \
	before=$$(state | cksum); go generate ./... || exit 1; after=$$(state | cksum); \
	test "$$before" = "$$after" || { echo "go generate changed files: commit them"; git status --short; exit 1; }

.PHONY: build
build: ## each Lambda as it ships, into .local/build/<function>/bootstrap (GOARCH=arm64 or amd64)
	@rm -rf .local/build && mkdir -p .local/build/all
	@$(lambda_env) GOOS=linux GOARCH=$(GOARCH) go build -o .local/build/all/ $(addprefix ./functions/,$(lambdas))
	@cd .local/build && for name in $(lambdas); do mkdir $$name && mv all/$$name $$name/bootstrap || exit 1; done; \
		rmdir all && ls -l */bootstrap | awk '{ printf "%6.2f MB  %s\n", $$5/1e6, $$9 }'

.PHONY: reproducible
reproducible: ## builds every Lambda twice, in two places, and compares the bytes
	REPRODUCE=all go test -count=1 -v -run 'TestShipped_BuiltAgain_IsTheSame' ./shared/shipped

# The processor is written in the template and is not a parameter: sam build builds for what
# the template says, and what is deployed is the template that it wrote.
ARCHITECTURE ?= arm64
SAM_BUILD ?= .aws-sam/build

.PHONY: sam-build
sam-build: $(sam) ## sam build with the same flags (ARCHITECTURE=arm64 or x86_64)
	@mkdir -p .local && sed 's/^    Architectures: \[arm64\]$$/    Architectures: [$(ARCHITECTURE)]/' template.yaml > .local/template-$(ARCHITECTURE).yaml
	$(lambda_env) SAM_CLI_TELEMETRY=0 $(sam) build --parallel --template-file .local/template-$(ARCHITECTURE).yaml --base-dir . --build-dir $(SAM_BUILD)
	$(dir $(sam))python .ci/template/built.py $(SAM_BUILD) $(ARCHITECTURE)

.PHONY: sam-local
sam-local: $(sam) ## like make run, but every function runs under sam local; needs a Docker engine
	@go build -o .local/bin/releases ./functions/local
	@exec .local/bin/releases sam

.PHONY: validate
validate: $(sam) $(moto) ## the template, by SAM, cfn-lint, checkov, the real translator and moto's CloudFormation, and as built
	SAM_CLI_TELEMETRY=0 $(sam) validate --lint
	$(dir $(sam))cfn-lint --config-file .ci/cfn-lint.yaml template.yaml
	$(dir $(sam))cfn-lint docs/examples/*.yaml
	$(dir $(sam))checkov --config-file .ci/checkov.yaml --skip-download -f template.yaml
	$(dir $(sam))python .ci/template/transform.py
	$(dir $(sam))python .ci/template/moto_deploy.py
	$(dir $(sam))python .ci/template/cognito.py
	@# Both processors, in folders of their own: what is to be deployed stays as it is.
	$(MAKE) sam-build ARCHITECTURE=arm64 SAM_BUILD=.local/validate/arm64
	$(MAKE) sam-build ARCHITECTURE=x86_64 SAM_BUILD=.local/validate/x86_64

.PHONY: mcp-check
mcp-check: ## the MCP endpoint held to public clients, their sign-in, inspector and conformance suite (needs npm, python3, curl; ONLY=regexp narrows it)
	shared/mcptools/check/run

.PHONY: bench
bench: ## one table of what everything costs beside its budget: nothing fails for being slow (ONLY=regexp narrows it)
	go run ./shared/local/engine/with go run ./shared/local/bench $(if $(ONLY),-only '$(ONLY)')

.PHONY: performance
performance: ## writes docs/performance again: the table of a whole bench, and plots of how cost grows (needs python3)
	go run ./shared/local/engine/with go run ./shared/local/bench -page docs/performance/budgets.md
	go run ./shared/local/engine/with go test ./shared/rest -run '^$$' -bench Growth -benchtime 1x -update
	@test -x .local/plot/bin/python || { python3 -m venv .local/plot && .local/plot/bin/pip install --quiet --disable-pip-version-check $(PLOT); }
	.local/plot/bin/python shared/local/bench/plot.py docs/performance

# What was found is kept in .local/mutants: a run that was interrupted goes on, and a kill stands
# while the file with the mutant stays as it is. FRESH=1 forgets it, LANES bounds the load.
.PHONY: mutants
mutants: ## changes the product at one place at a time: does a test fail? Takes an hour the first time (ONLY=regexp narrows it)
	go run ./shared/local/mutants $(if $(ONLY),-only '$(ONLY)') $(if $(LANES),-lanes $(LANES)) $(if $(FRESH),-forget)

KILLS ?= 50

.PHONY: kill
kill: ## kills the host, its engine or both with SIGKILL while people work on it: is anything lost or doubled? (KILLS=50, SEED=n repeats)
	@go build -o .local/bin/releases-kill ./functions/local
	@exec .local/bin/releases-kill kill -kills $(KILLS) $(if $(SEED),-seed $(SEED))

.PHONY: soak
soak: ## plays seeds of the chaos over the whole product: prints progress, the seeds that fail and the time (SEEDS=2000)
	@mkdir -p .local/bin && go test -c -vet=off -o .local/bin/chaos.test ./shared/chaos
	cd shared/chaos && ../../.local/bin/chaos.test -test.run '^TestChaos$$' -test.timeout 0 -seeds $(or $(SEEDS),500)

.PHONY: load
load: ## a minute of work by USERS=24 at once on a host of its own, beside bare requests to the engine: refusals, memory, lost writes
	@go build -o .local/bin/releases-load ./functions/local
	@exec .local/bin/releases-load load $(if $(USERS),-users $(USERS)) $(if $(SEED),-seed $(SEED))

.PHONY: pictures
pictures: ## takes the pictures in docs/pictures from the running product (needs chromium, npm and what make test needs)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "needs Chromium: apt-get install chromium"; exit 1; }
	@command -v npm >/dev/null || { echo "needs npm, which gets the checkers that look at the pages first"; exit 1; }
	go test -count=1 -vet=off ./shared/local -run TestPages_InBrowser_AreReadable -pictures "$$PWD/docs/pictures"

.PHONY: contract
contract: ## an independent tester and a linter hold the running host to its OpenAPI document (needs python3 and npm)
	.ci/contract/run

.PHONY: clean
clean: ## removes what was built and the data of make run; keeps the engine and the tools
	rm -rf .aws-sam .local/build .local/validate .local/data .local/run.json

$(sam):
	@echo "Installing SAM and the template's checkers, once …"
	@python3 -m venv .local/venv || { echo "needs python3 with venv (on Debian: apt-get install python3-venv)"; exit 1; }
	@.local/venv/bin/pip install --quiet --disable-pip-version-check $(SAM_TOOLS) || { rm -rf .local/venv; exit 1; }

$(moto): $(sam)
	@.local/venv/bin/pip install --quiet --disable-pip-version-check "$(MOTO)" "$(AWS_CLI)" && touch $@

# A tool is built from its own module, so that our go.mod stays as it is.
define build_tool
$(call tool,$(1)):
	@echo "Building $(notdir $(1)), once …"
	@mkdir -p $$(dir $$@)
	@GOFLAGS= GOBIN=$$(abspath $$(dir $$@)) go install $(1)
endef
$(foreach t,$(GOFUMPT) $(STATICCHECK) $(GOLANGCILINT) $(GOVULNCHECK),$(eval $(call build_tool,$(t))))

$(gitleaks):
	@echo "Building gitleaks, once …"
	@mkdir -p $(@D)
	@GOFLAGS= GOBIN=$(abspath $(@D)) go install $(GITLEAKS)
