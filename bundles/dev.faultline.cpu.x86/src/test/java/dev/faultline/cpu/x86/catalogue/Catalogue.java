// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The list of vectors that the pages are made of: resources {@code NAME.list} beside this class,
 * one for each page. A line is one of
 *
 * <pre>
 * # comment
 * title | of the page
 * about | what it covers
 * inputs | NAME | INPUT...
 * MNEMONIC | assembly | bytes | INPUT... [| remark]
 * none | MNEMONIC... | why there is no vector
 * </pre>
 *
 * INPUT is {@code PLACE=TEXT} with commas for spaces, the name of inputs above, {@code
 * undefined=NAME,...}, {@code approximate}, or {@code unassembled} if assemblers do not know the
 * text. PLACE and TEXT are as on the pages; {@link Place}, {@link View}, {@link Undefined}.
 */
final class Catalogue {
    private static final List<String> NAMES =
            List.of(
                    "integer",
                    "bits",
                    "stack",
                    "branch",
                    "string",
                    "system",
                    "x87",
                    "simd-moves",
                    "simd-integer",
                    "simd-float");

    private Catalogue() {}

    /** What one file of the list says. */
    static final class Page {
        final String name;
        String title = "";
        String about = "";
        final SortedMap<String, List<Vector>> vectors = new TreeMap<>();

        /** Mnemonics without a vector, and why. */
        final SortedMap<String, String> without = new TreeMap<>();

        private final Map<String, String[]> inputs = new HashMap<>();

        Page(String name) {
            this.name = name;
        }

        String file() {
            return name + ".md";
        }

        private void line(String line) {
            String[] c = line.split("\\|", -1);
            for (int i = 0; i < c.length; i++) {
                c[i] = c[i].strip();
            }
            switch (c[0]) {
                case "title" -> title = c[1];
                case "about" -> about = c[1];
                case "inputs" -> inputs.put(c[1], c[2].split(" +"));
                case "none" -> Arrays.stream(c[1].split(" +")).forEach(m -> without.put(m, c[2]));
                default -> vectors.computeIfAbsent(c[0], _ -> new ArrayList<>()).add(vector(c));
            }
        }

        private Vector vector(String[] c) {
            List<Vector.Input> list = new ArrayList<>();
            List<String> undefined = new ArrayList<>();
            List<String> words = new ArrayList<>();
            for (String w : c[3].isEmpty() ? new String[0] : c[3].split(" +")) {
                words.addAll(List.of(inputs.getOrDefault(w, new String[] {w})));
            }
            for (String w : words) {
                int equals = w.indexOf('=');
                String text = w.substring(equals + 1).replace(',', ' ');
                if (w.startsWith("undefined=")) {
                    undefined.addAll(List.of(text.split(" ")));
                } else if (equals > 0) {
                    String label = w.substring(0, equals);
                    list.add(new Vector.Input(Place.of(label, text), text));
                } else if (!w.equals("approximate") && !w.equals("unassembled")) {
                    throw new IllegalArgumentException("no inputs have the name " + w);
                }
            }
            return new Vector(
                    c[0],
                    c[1],
                    Vector.code(c[2]),
                    c.length > 4 ? c[4] : "",
                    List.copyOf(list),
                    new Undefined(undefined),
                    words.contains("approximate"),
                    !words.contains("unassembled"));
        }
    }

    static List<Page> pages() {
        return NAMES.stream().map(Catalogue::page).toList();
    }

    private static Page page(String name) {
        Page page = new Page(name);
        try (InputStream in = Catalogue.class.getResourceAsStream(name + ".list")) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            for (String line : text.split("\n")) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    add(page, line);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return page;
    }

    private static void add(Page page, String line) {
        try {
            page.line(line);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(page.name + ".list, \"" + line + "\": " + e, e);
        }
    }
}
