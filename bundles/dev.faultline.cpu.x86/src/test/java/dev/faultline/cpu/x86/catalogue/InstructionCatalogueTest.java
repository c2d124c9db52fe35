// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * docs/instructions: complete, up to date, and true of this processor. {@code
 * -Dfaultline.write=true} writes the pages.
 */
class InstructionCatalogueTest {
    private static final Path DIRECTORY = Path.of("../../docs/instructions");

    private static final String HOW =
            "; if the change is right: ./faultline test -pl bundles/dev.faultline.cpu.x86 -am"
                    + " -Dtest=InstructionCatalogueTest -Dsurefire.failIfNoSpecifiedTests=false"
                    + " -Dfaultline.write=true";

    private static final List<Catalogue.Page> PAGES = Catalogue.pages();

    private static Stream<Vector> vectors() {
        return PAGES.stream().flatMap(p -> p.vectors.values().stream()).flatMap(List::stream);
    }

    @BeforeAll
    static void write() throws IOException {
        if (Boolean.getBoolean("faultline.write")) {
            Files.createDirectories(DIRECTORY);
            for (Map.Entry<String, String> e : PageWriter.files(PAGES).entrySet()) {
                Files.writeString(DIRECTORY.resolve(e.getKey()), e.getValue());
            }
        }
    }

    @Test
    void pagesAreUpToDate() throws IOException {
        Map<String, String> files = PageWriter.files(PAGES);
        for (Map.Entry<String, String> e : files.entrySet()) {
            Path page = DIRECTORY.resolve(e.getKey());
            assertTrue(Files.exists(page), () -> page + " is missing" + HOW);
            sameLines(page, e.getValue().lines().toList(), Files.readAllLines(page));
        }
    }

    /** Tells the first line that differs only: pages are long. */
    private static void sameLines(Path page, List<String> fresh, List<String> committed) {
        for (int i = 0; i < Math.max(fresh.size(), committed.size()); i++) {
            String want = i < fresh.size() ? fresh.get(i) : "(the end)";
            String is = i < committed.size() ? committed.get(i) : "(the end)";
            int line = i + 1;
            assertEquals(want, is, () -> page + " is stale in line " + line + HOW);
        }
    }

    /** Each mnemonic of the table is on exactly one page: with vectors, or with a reason. */
    @Test
    void everyMnemonicHasAVectorOrAReason() {
        Map<String, String> told = new TreeMap<>();
        List<String> twice = new ArrayList<>();
        for (Catalogue.Page p : PAGES) {
            for (String m : p.vectors.keySet()) {
                if (told.put(m, p.name) != null || p.without.containsKey(m)) {
                    twice.add(m);
                }
            }
            for (String m : p.without.keySet()) {
                if (told.put(m, p.without.get(m)) != null) {
                    twice.add(m);
                }
                assertTrue(p.without.get(m).length() > 10, () -> m + " has no reason");
            }
        }
        assertEquals(List.of(), twice);
        TreeSet<String> mnemonics = new TreeSet<>();
        InstructionTable.all().forEach(e -> mnemonics.add(e.mnemonic));
        TreeSet<String> surplus = new TreeSet<>(told.keySet());
        surplus.removeAll(mnemonics);
        mnemonics.removeAll(told.keySet());
        assertEquals(
                Set.of(),
                mnemonics,
                "give a new mnemonic a vector: docs/howto/add-an-instruction.md, \"The catalogue\"");
        assertEquals(Set.of(), surplus, "not in the table of instructions");
    }

    @Test
    void bytesAreAnInstructionOfTheMnemonic() {
        Machine machine = new Machine();
        vectors()
                .forEach(v -> {
                    Row e = machine.row(v.code());
                    assertEquals(v.mnemonic(), e == null ? null : e.mnemonic, v::toString);
                    assertEquals(v.code().length, machine.length(v.code()), v::toString);
                });
    }

    /** The pages alone, without the list that they were made of, say what the processor does. */
    @Test
    void whatThePagesSayIsTrue() throws IOException {
        Machine machine = new Machine();
        List<String> untrue = new ArrayList<>();
        int run = 0;
        for (Catalogue.Page p : PAGES) {
            String text = Files.readString(DIRECTORY.resolve(p.file()));
            for (PageReader.Documented d : PageReader.read(text)) {
                Vector v = d.vector();
                State got = v.undefined().without(machine.run(v.before(), v.code()));
                String wrong = Places.differences(got, v.undefined().without(d.after()));
                if (!wrong.isEmpty()) {
                    untrue.add(p.file() + ": " + v + ": " + wrong);
                }
                run++;
            }
        }
        assertEquals(List.of(), untrue);
        assertEquals(vectors().count(), run, "vectors that were found on the pages");
    }

    /** A mistake on a page is noticed. */
    @Test
    void whatThePagesDoNotSayIsMissed() {
        String page = "## INC\n\n`inc eax` = `FF C0`\n\n| | before | after |\n|---|---|---|\n";
        PageReader.Documented d = PageReader.read(page + "| `rax` | 1 | 3 |\n").getFirst();
        State got = new Machine().run(d.vector().before(), d.vector().code());
        assertEquals("rax: 2, expected 3", Places.differences(got, d.after()));
        d = PageReader.read(page + "| `rax` | 7F | 80 |\n").getFirst();
        got = new Machine().run(d.vector().before(), d.vector().code());
        assertEquals("flags: AF, expected -", Places.differences(got, d.after()));
    }

    @Test
    void assemblersAgree(@TempDir Path scratch) throws IOException {
        String missing = Assembler.missing();
        assumeTrue(missing == null, missing);
        List<Vector> known = vectors().filter(Vector::assembled).toList();
        assertEquals(List.of(), new Assembler(scratch).wrong(known));
    }
}
