# `make` alone tells what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The checkers, pinned. golangci-lint takes a minute and a half to build, the others
# seconds; all are built once into .local/bin, each in a folder with its version.
GOFUMPT      := mvdan.cc/gofumpt@v0.12.0
STATICCHECK  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCILINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
tool = .local/bin/$(notdir $(1))/$(notdir $(firstword $(subst @, ,$(1))))
gofumpt := $(call tool,$(GOFUMPT))
staticcheck := $(call tool,$(STATICCHECK))
golangcilint := $(call tool,$(GOLANGCILINT))

# What the Lambdas are built with: static, small, the same bytes from any directory.
# SAM runs `go build` without flags of its own and passes the environment on.
lambda_env = CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath -tags=lambda.norpc '-ldflags=-s -w -buildid='"
GOARCH ?= arm64

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## the whole service on http://127.0.0.1:3000 (or PORT): engine, streams, schedules, inbox
	@go build -o .local/bin/releases ./functions/local
	@exec .local/bin/releases

.PHONY: demo
demo: ## in a second terminal: plays a release against the running service, and checks what it shows
	@go build -o .local/bin/releases ./functions/local
	@exec .local/bin/releases demo

.PHONY: test
test: ## every test, with the race detector, on the real engine (DYNAMODB_ENDPOINT takes another)
	go run ./shared/local/engine/with go test -race ./...

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
	@for f in functions/*/; do \
		name=$$(basename "$$f"); \
		case "$$name" in local|mcp-stdio) continue;; esac; \
		echo "$$name"; \
		$(lambda_env) GOOS=linux GOARCH=$(GOARCH) go build -o ".local/build/$$name/bootstrap" "./$$f" || exit 1; \
	done

.PHONY: sam-build
sam-build: ## sam build with the same flags
	$(lambda_env) sam build --parallel

.PHONY: validate
validate: ## the template, by SAM and cfn-lint
	sam validate --lint
	cfn-lint template.yaml

.PHONY: mcp-check
mcp-check: ## the MCP endpoint held to public clients, inspector and conformance suite, over HTTP and stdio (needs npm, python3)
	shared/mcptools/check/run

.PHONY: bench
bench: ## budgets and benchmarks, printed: nothing fails for being slow
	go run ./shared/local/engine/with go test -run '^$$' -bench . -benchtime 1x ./...

.PHONY: contract
contract: ## an independent tester and a linter hold the running host to its OpenAPI document (needs python3 and npm)
	.ci/contract/run

.PHONY: clean
clean: ## removes what was built and the data of make run; keeps the engine and the tools
	rm -rf .aws-sam .local/build .local/data .local/run.json

# A tool is built from its own module, so that it leaves ours alone.
define build_tool
$(call tool,$(1)):
	@echo "Building $(notdir $(1)), once …"
	@mkdir -p $$(dir $$@)
	@GOFLAGS= GOBIN=$$(abspath $$(dir $$@)) go install $(1)
endef
$(foreach t,$(GOFUMPT) $(STATICCHECK) $(GOLANGCILINT),$(eval $(call build_tool,$(t))))
