// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.InstructionTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written; that it compiles and computes is for the tests of dev.faultline.cpu.x86. */
class GeneratorTest {
    private static final Map<String, String> SOURCES = Generator.sources();

    private static String source(String name) {
        String s = SOURCES.get("dev/faultline/cpu/x86/insn/" + name + ".java");
        assertThat(s).as(name).isNotNull();
        return s;
    }

    /** The class of one form, without line breaks. */
    private static String form(String source, String name) {
        String s = source(source);
        int at = s.indexOf("class " + name + " extends");
        assertThat(at).as(name).isPositive();
        return s.substring(at, s.indexOf("\n    }\n", at)).replaceAll("\\s+", " ");
    }

    @Test
    void everyFamilyHasItsMakersAndEveryShapeItsClass() {
        for (Family f : Family.values()) {
            String name = f.name().charAt(0) + f.lowerCase().substring(1) + "Makers.java";
            assertThat(SOURCES.keySet()).anyMatch(s -> s.endsWith(f.lowerCase() + "/" + name));
        }
        long shaped =
                InstructionTable.all().stream()
                        .map(r -> r.definition)
                        .filter(d -> !d.opaque())
                        .distinct()
                        .count();
        assertThat(SOURCES).hasSize((int) shaped + Family.values().length);
    }

    @Test
    void aMemoryDestinationIsProbedForAllFirstAndCommittedLast() {
        assertThat(form("integer/Add", "M32R32"))
                .endsWith(
                        "long h = readWrite(v, 4); if (h < 0) { return FAULT; } long[] r = v.gpr; "
                                + "HostBytes.put32(h, (int) Alu.add32(v, HostBytes.get32(h), (int) r[b])); "
                                + "return Mem.commit(v, h); }");
    }

    @Test
    void aSourceIsReadOnly() {
        assertThat(form("integer/Cmp", "M8I"))
                .contains("long h = read(v, 1);")
                .contains("Alu.sub8(v, HostBytes.get8(h), b);")
                .contains("return NEXT;")
                .doesNotContain("commit");
    }

    @Test
    void aDestinationThatIsNotReadIsWrittenOnly() {
        assertThat(form("integer/Mov", "M64R64")).contains("long h = write(v, 8);");
    }

    @Test
    void lockedFormsComputeOnly() {
        assertThat(form("integer/Add", "LockM64I"))
                .contains("extends LockedOp")
                .contains("super(d, 8);")
                .contains("return Alu.add64(v, a, b);")
                .doesNotContain("HostBytes");
    }

    @Test
    void bytesOfRegistersHaveAShift() {
        assertThat(form("integer/Mov", "R8R8"))
                .contains(
                        "r[a] = (r[b] >>> bShift & 0xFFL) << aShift | r[a] & ~(0xFFL << aShift);");
    }

    @Test
    void aShiftByClOfZeroChangesNoFlags() {
        assertThat(form("bits/Shr", "R64Cl"))
                .contains("int b = (int) r[1] & 63;")
                .contains("r[a] = b == 0 ? r[a] : Shifts.shr64(v, r[a], b);");
        assertThat(form("bits/Shr", "R32Z"))
                .contains("r[a] = r[a] & 0xFFFF_FFFFL;")
                .doesNotContain("Alu");
    }

    @Test
    void aKernelThatKnowsNoFlagsIsGivenOperandsOnly() {
        assertThat(form("integer/Not", "R64")).contains("r[a] = Alu.not64(r[a]);");
    }

    @Test
    void theSameSourcesAreNotWrittenAgain(@TempDir Path folder) throws IOException {
        Generator.main(new String[] {folder.toString()});
        Path file = folder.resolve("dev/faultline/cpu/x86/insn/integer/Add.java");
        assertThat(Files.readString(file)).isEqualTo(source("integer/Add"));
        Files.setLastModifiedTime(file, FileTime.fromMillis(0));
        Generator.main(new String[] {folder.toString()});
        assertThat(Files.getLastModifiedTime(file).toMillis()).isZero();
        Files.writeString(file, "stale");
        Generator.main(new String[] {folder.toString()});
        assertThat(Files.readString(file)).isEqualTo(source("integer/Add"));
    }

    @Test
    void whatIsNoLongerWrittenGoes(@TempDir Path folder) throws IOException {
        Path stale = folder.resolve("dev/faultline/cpu/x86/insn/integer/Gone.java");
        Files.createDirectories(stale.getParent());
        Files.writeString(stale, "class Gone {}");
        Generator.main(new String[] {folder.toString()});
        assertThat(stale).doesNotExist();
    }

    @Test
    void theFolderIsAsked() {
        assertThatThrownBy(() -> Generator.main(new String[0]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("folder");
    }
}
