// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads a page as a person does: what is not on it is not known. */
final class PageReader {
    private static final Pattern VECTOR = Pattern.compile("`([^`]+)` = `([0-9A-F ]+)`(?:: (.*))?");
    private static final Pattern ROW =
            Pattern.compile("\\| (\\S+) \\|(?: ([^|]*\\S) \\|| *\\|)(?: ([^|]*\\S) \\|| *\\|)");

    private final List<Documented> found = new ArrayList<>();
    private String mnemonic;
    private Matcher vector;
    private final List<Row> rows = new ArrayList<>();

    private PageReader() {}

    /** A vector, and the state that the page tells of after it. */
    record Documented(Vector vector, State after) {}

    private record Row(String label, String before, String after) {
        boolean is(String l) {
            return label.equals(l);
        }

        /** A place, not a remark. */
        boolean place() {
            return label.startsWith("`");
        }

        Place where() {
            return Place.of(label.substring(1, label.length() - 1), before);
        }
    }

    static List<Documented> read(String page) {
        PageReader r = new PageReader();
        page.lines().forEach(r::line);
        r.end();
        return r.found;
    }

    private void line(String line) {
        Matcher m = VECTOR.matcher(line);
        if (line.startsWith("## ")) {
            end();
            mnemonic = line.substring(3);
        } else if (m.matches()) {
            end();
            vector = m;
        } else if (line.startsWith("|") && !line.startsWith("|---") && !line.startsWith("| |")) {
            Matcher row = ROW.matcher(line);
            if (vector == null || !row.matches()) {
                throw new IllegalArgumentException("no row of a vector: " + line);
            }
            rows.add(new Row(row.group(1), text(row.group(2)), text(row.group(3))));
        }
    }

    private static String text(String cell) {
        return cell == null ? "" : cell;
    }

    /** Of a vector, if one was begun. */
    private void end() {
        if (vector != null) {
            found.add(documented());
        }
        vector = null;
        rows.clear();
    }

    private Documented documented() {
        List<Vector.Input> inputs = new ArrayList<>();
        List<String> undefined = new ArrayList<>();
        boolean approximate = false;
        for (Row r : rows) {
            if (r.place()) {
                inputs.add(new Vector.Input(r.where(), r.before));
            } else if (r.is("undefined")) {
                undefined.addAll(List.of(r.after.split(" ")));
            } else if (r.is("approximation")) {
                approximate = true;
            } else {
                throw new IllegalArgumentException("row " + r.label + " of " + vector.group());
            }
        }
        Vector v =
                new Vector(
                        mnemonic,
                        vector.group(1),
                        Vector.code(vector.group(2)),
                        text(vector.group(3)),
                        inputs.stream().filter(i -> settable(i.place())).toList(),
                        new Undefined(undefined),
                        approximate,
                        true);
        return new Documented(v, after(v));
    }

    private static boolean settable(Place p) {
        return p.kind() != Place.Kind.EXCEPTION;
    }

    /** The state before, and each change that the page tells of. */
    private State after(Vector v) {
        State s = v.before();
        s.putLong(State.RIP, v.next());
        if (rows.stream().anyMatch(r -> r.is("`exception`"))) {
            s.putLong(State.RIP, State.START);
        }
        List<Row> told = new ArrayList<>(rows.stream().filter(Row::place).toList());
        // Where the top of the x87 stack is, decides which registers the other rows mean.
        told.sort(Comparator.comparing(r -> r.where().kind() != Place.Kind.FSW));
        for (Row r : told) {
            if (!r.after.isEmpty()) {
                r.where().set(s, r.after);
            }
        }
        return s;
    }
}
