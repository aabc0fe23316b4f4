package dynamo

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/releases/shared/release"
)

// LogPage reads a page of the log, newest first. Pages end where the kept entries do,
// also when older ones are not trimmed yet: the cursor carries how many came before.
func (s *Store) LogPage(ctx context.Context, id string, limit int, cursor string) ([]release.LogEntry, string, error) {
	if _, err := s.Release(ctx, id); err != nil {
		return nil, "", err
	}
	list := "log=" + id
	seen, start, err := openLogCursor(cursor, list, id)
	if err != nil {
		return nil, "", err
	}
	limit = min(limit, release.MaxLogEntries-seen)
	page := []release.LogEntry{}
	in := newestLog(s.tables.Releases, id)
	in.ExclusiveStartKey = start
	for len(page) < limit {
		in.Limit = aws.Int32(int32(limit - len(page)))
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return nil, "", pageFailure(err, cursor)
		}
		for _, i := range out.Items {
			page = append(page, decodeLogEntry(i))
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return page, "", nil
		}
	}
	if seen += len(page); seen >= release.MaxLogEntries {
		return page, "", nil
	}
	last := in.ExclusiveStartKey
	last["seen"] = text(strconv.Itoa(seen))
	return page, sealCursor(last, list), nil
}

// isEntryKey tells whether a sort key can be an entry's: each begins with its number.
func isEntryKey(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

func openLogCursor(cursor, list, id string) (seen int, start item, err error) {
	start, err = openCursor(cursor, list, map[string]string{"pk": logPrefix + id}, shape{
		"sk": isEntryKey, "seen": func(s string) bool { return s != "" },
	})
	if err != nil || start == nil {
		return 0, nil, err
	}
	seen, err = strconv.Atoi(str(start, "seen"))
	if err != nil || seen < 1 || seen >= release.MaxLogEntries || strconv.Itoa(seen) != str(start, "seen") {
		return 0, nil, badCursor()
	}
	delete(start, "seen")
	return seen, start, nil
}
