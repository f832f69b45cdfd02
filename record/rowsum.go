package record

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"

	"modernc.org/sqlite"
)

// Rows that say something about a treatment carry a checksum of their columns in
// the column sum: SQLite notices a damaged page only where its structure breaks,
// and a peak force with one bit turned over is a number like any other. Packs of
// entries have a checksum of their own.
//
// row_sum exists within this program only. Other programs can read the tables all
// the same; a row that they write counts as damaged.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("row_sum", -1,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) { return rowSum(args) })
}

// rowSum is the CRC-32C of the values with their types and lengths, so that no
// two rows run together into the same bytes.
func rowSum(values []driver.Value) (int64, error) {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			b = binary.LittleEndian.AppendUint64(append(b, 'i'), uint64(v))
		case float64:
			b = binary.LittleEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
		case string:
			b = append(binary.AppendUvarint(append(b, 's'), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, 'b'), uint64(len(v))), v...)
		case nil:
			b = append(b, 'n')
		default:
			return 0, fmt.Errorf("row_sum: a value is a %T", v)
		}
	}
	return int64(crc32.Checksum(b, castagnoli)), nil
}

// table is one of the tables with a checksum in each row.
type table struct {
	name    string
	columns []string // that the checksum covers
}

var (
	bootsTable      = table{"boots", []string{"id", "started", "appliance", "version"}}
	spansTable      = table{"spans", []string{"boot", "first", "last"}}
	treatmentsTable = table{"treatments", []string{"boot", "number", "began"}}
	eventsTable     = table{"events", append([]string{"boot"}, strings.Split(eventColumns, ", ")...)}
	reportsTable    = table{"reports", append([]string{"boot"}, strings.Split(reportColumns, ", ")...)}
	ownBootsTable   = table{"own_boots", bootsTable.columns}
	ownEventsTable  = table{"own_events", []string{"boot", "seq", "at", "kind", "text"}}
)

// intact is an expression: 1 where the row under this alias is as it was written.
func (t table) intact(alias string) string {
	return alias + ".sum = row_sum(" + alias + "." + strings.Join(t.columns, ", "+alias+".") + ")"
}

// insert makes the beginning of a statement that writes the columns, in their order, and the
// checksum. With a guard, which is a condition, nothing is written unless it holds.
func (t table) insert(guard string) string {
	marks := make([]string, len(t.columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("?%d", i+1)
	}
	values := strings.Join(marks, ", ")
	if guard == "" {
		guard = "true"
	}
	return fmt.Sprintf("INSERT INTO %s (%s, sum) SELECT %s, row_sum(%[3]s) WHERE %s ", t.name, strings.Join(t.columns, ", "), values, guard)
}

// damaged is the error about rows of this table whose checksum does not fit.
func (t table) damaged(rows int) error {
	if rows == 0 {
		return nil
	}
	return fmt.Errorf("record: %s: %w: the checksum of %s does not fit", t.name, ErrDamaged, plural(rows, "row"))
}
