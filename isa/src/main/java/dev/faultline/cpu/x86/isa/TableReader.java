// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads one file of the table: a line that is not indented begins a definition, its rows follow.
 */
final class TableReader {
    private final Family family;
    private final List<Definition> definitions = new ArrayList<>();
    private final List<Row> rows = new ArrayList<>();
    private final Map<String, Integer> makers = new HashMap<>();

    TableReader(Family family) {
        this.family = family;
    }

    List<Row> read(List<String> lines) {
        Definition current = null;
        for (String line : lines) {
            if (Character.isWhitespace(line.charAt(0))) {
                if (current == null) {
                    throw new IllegalStateException(
                            "instruction table: an encoding before the first instruction: " + line);
                }
                addRows(current, line);
            } else {
                finish(current);
                current = definition(line);
                definitions.add(current);
            }
        }
        finish(current);
        return rows;
    }

    private void finish(@Nullable Definition d) {
        if (d != null && (rows.isEmpty() || rows.get(rows.size() - 1).definition != d)) {
            throw new IllegalStateException("instruction table: no encoding of: " + d.line());
        }
        if (d != null && d.uses() != null) {
            long most =
                    rows.stream()
                            .filter(r -> r.definition == d)
                            .mapToLong(TableReader::withRoles)
                            .max()
                            .orElseThrow();
            if (most < d.uses().roles().size()) {
                throw new IllegalStateException(
                        "instruction table: more roles than operands of any encoding: " + d.line());
            }
        }
    }

    /** What is said of an instruction: the head of {@code integer.tab} has the words. */
    private Definition definition(String line) {
        int java = line.indexOf(" = ");
        String head = java < 0 ? line : line.substring(0, java);
        List<String> words = new ArrayList<>(Arrays.asList(head.trim().split("\\s+")));
        String mnemonic = words.remove(0);
        Shape shape = null;
        String kernel = java < 0 ? "" : line.substring(java + 3).trim();
        if (java < 0) {
            if (words.isEmpty()) {
                throw new IllegalStateException(
                        "instruction table: no shape and no \" = \": " + line);
            }
            shape = shape(words.remove(0), line);
            boolean named = !words.isEmpty() && words.get(0).indexOf(':') < 0;
            kernel = named ? words.remove(0) : "";
            if (named != shape.meaning.contains("kernel")) {
                throw new IllegalStateException(
                        "instruction table: the shape %s has %s kernel: %s"
                                .formatted(shape.tableName(), named ? "no" : "a", line));
            }
        }
        Uses uses = Uses.parse(words, line);
        if (uses != null && shape != null && !uses.roles().isEmpty()) {
            throw new IllegalStateException(
                    "instruction table: the shape has the roles of: " + line);
        }
        Set<Property> properties = EnumSet.noneOf(Property.class);
        for (Property p : Property.values()) {
            if (words.remove(p.name().toLowerCase(Locale.ROOT))) {
                properties.add(p);
            }
        }
        @Nullable Recode said = null;
        for (Recode r : Recode.values()) {
            if (words.remove(r.name().toLowerCase(Locale.ROOT))) {
                if (said != null) {
                    throw new IllegalStateException(
                            "instruction table: how it is emitted stands twice: " + line);
                }
                said = r;
            }
        }
        Recode recode = said != null ? said : shape == null ? Recode.JAVA : shape.recode;
        if (shape == null && uses == null && recode != Recode.JAVA) {
            throw new IllegalStateException(
                    "instruction table: how it is emitted, but not what it uses: " + line);
        }
        return new Definition(
                family,
                definitions.size(),
                mnemonic,
                shape,
                kernel,
                FlagEffects.parse(words, line),
                uses,
                Set.copyOf(properties),
                recode,
                line.trim());
    }

    private static Shape shape(String name, String line) {
        @Nullable Shape s = Shape.of(name);
        if (s == null) {
            throw new IllegalStateException(
                    "instruction table: unknown shape %s in: %s".formatted(name, line));
        }
        return s;
    }

    private void addRows(Definition d, String line) {
        int n = Row.count(line);
        for (int i = 0; i < n; i++) {
            Row row = new Row(d, line, i, maker(d, line, i));
            check(row);
            rows.add(row);
        }
    }

    private int maker(Definition d, String line, int offset) {
        String key = String.valueOf(d.number());
        if (!d.opaque()) {
            String[] c = line.trim().split("\\s+");
            key += " " + (c.length > 1 ? c[1] : "") + (c[0].contains("+cc") ? " " + offset : "");
        }
        return makers.computeIfAbsent(key, k -> makers.size());
    }

    private static void check(Row row) {
        for (OperandCode c : row.codes) {
            if (c.kind() == OperandCode.Kind.OTHER) {
                throw new IllegalStateException(
                        "instruction table: unknown operand code in: " + row);
            }
        }
        Shape shape = row.definition.shape();
        if (shape == null) {
            checkRoles(row, row.definition.uses());
            return;
        }
        int operands = row.codes.size();
        if (operands != shape.roles.size()) {
            throw new IllegalStateException(
                    "instruction table: the shape %s has %d operands, not those of: %s"
                            .formatted(shape.tableName(), shape.roles.size(), row));
        }
        if (shape.meaning.contains("condition") != row.condition >= 0) {
            throw new IllegalStateException(
                    "instruction table: a condition, and an encoding with +cc, go together: "
                            + row);
        }
        if (row.lockable && !shape.lockable) {
            throw new IllegalStateException(
                    "instruction table: the shape %s knows no LOCK: %s"
                            .formatted(shape.tableName(), row));
        }
    }

    private static long withRoles(Row row) {
        return row.codes.stream().filter(OperandCode::hasRole).count();
    }

    private static void checkRoles(Row row, @Nullable Uses uses) {
        if (uses != null && withRoles(row) > uses.roles().size()) {
            throw new IllegalStateException(
                    "instruction table: roles of %d operands, there are more of: %s"
                            .formatted(uses.roles().size(), row));
        }
    }

    /** Lines of a resource of the class's package, without comments and empty ones. */
    static List<String> lines(Class<?> beside, String name) {
        try (InputStream in = beside.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("instruction table: " + name + " is missing");
            }
            List<String> all = new ArrayList<>();
            BufferedReader r =
                    new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
            for (String line = r.readLine(); line != null; line = r.readLine()) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    all.add(line);
                }
            }
            return all;
        } catch (IOException e) {
            throw new UncheckedIOException(name, e);
        }
    }
}
