package arrows_test

import (
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// codeSpan is what a text sets as code.
var codeSpan = regexp.MustCompile("`([^`]+)`")

// declared are the names that a file declares at its top level, methods among them.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

// The page on architecture says where each question is decided: in files that are there, by
// what they declare. In a row's last cell a file is followed by the names that are in it.
func TestDecided_EveryRow_NamesWhatIsThere(t *testing.T) {
	text := readSection(t, "../docs/architecture.md", "Where is it decided")
	parsed := map[string]map[string]bool{}
	for _, s := range sources(t) {
		parsed[s.name] = declared(s.file)
	}
	rows := tableRows(t, text)
	delete(rows, "question")
	if len(rows) < 25 {
		t.Errorf("only %d rows", len(rows))
	}
	for question, cells := range rows {
		file, named := "", 0
		for _, span := range codeSpan.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			name := span[1]
			if strings.Contains(name, "/") || strings.Contains(name, ".") {
				if _, err := os.Stat(filepath.Join("..", name)); err != nil {
					t.Errorf("%s: there is no %s", question, name)
				}
				file = name
				continue
			}
			named++
			if !parsed[file][name] {
				t.Errorf("%s: %s does not declare %s; it has %s", question, file, name, strings.Join(slices.Sorted(maps.Keys(parsed[file])), " "))
			}
		}
		if len(cells) != 2 || named == 0 {
			t.Errorf("%s: %q; want the question, and files with the functions that decide it", question, cells)
		}
	}
}

// inPicture is the name under which the picture of the packages has a folder: that of the
// package below shared, or of the function. Generators and the client of the endpoint,
// which no function links, are not in it.
func inPicture(dir string) string {
	own := []string{"functions/authorize", "functions/local", "functions/mcp-stdio", "shared/mcptools/bridge"}
	parts := strings.Split(dir, "/")
	switch {
	case slices.Contains(own, dir):
		return strings.TrimPrefix(dir, "shared/")
	case listed(dir, []string{"shared/rest/openapi", "shared/mcptools/describe", "shared/mcptools/check"}) || len(parts) < 2:
		return ""
	case parts[0] == "functions":
		return "functions/*"
	case parts[1] == "wire":
		return "wire/*"
	}
	return parts[1]
}

func TestArrows_Picture_IsTheImports(t *testing.T) {
	found := map[string][]string{}
	for _, s := range sources(t) {
		from := inPicture(s.dir)
		if s.test || from == "" {
			continue
		}
		for _, i := range s.imports() {
			own, ours := strings.CutPrefix(i, module)
			if to := inPicture(own); ours && to != "" && to != from && !slices.Contains(found[from], to) {
				found[from] = append(found[from], to)
			}
		}
	}
	var is, drawn []string
	for from, to := range found {
		slices.Sort(to)
		is = append(is, from+" → "+strings.Join(to, ", "))
	}
	text := readPage(t, "../docs/architecture.md")
	for _, arrow := range regexp.MustCompile(`(?m)^([a-z/*-]+) +→ (.+)$`).FindAllStringSubmatch(text, -1) {
		drawn = append(drawn, arrow[1]+" → "+arrow[2])
	}
	differ(t, "the imports", is, "docs/architecture.md", drawn)
}

// The table in the README has each package below shared, and none that is not there.
func TestReadme_Packages_AreAllThere(t *testing.T) {
	text := readSection(t, "../README.md", "Where things are")
	var listed, there []string
	for _, m := range regexp.MustCompile("(?m)^\\| (`shared/[^|]+) \\|").FindAllStringSubmatch(text, -1) {
		for _, span := range codeSpan.FindAllStringSubmatch(m[1], -1) {
			listed = append(listed, span[1])
		}
	}
	for _, s := range sources(t) {
		parts := strings.Split(s.dir, "/")
		if len(parts) > 1 && parts[0] == "shared" {
			there = append(there, "shared/"+parts[1])
		}
	}
	slices.Sort(there)
	differ(t, "README.md", listed, "shared", slices.Compact(there))
}
