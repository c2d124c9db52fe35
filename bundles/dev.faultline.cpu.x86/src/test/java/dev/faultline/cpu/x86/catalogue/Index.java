// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.List;

/** The first page of docs/instructions: how to read the others, and where each mnemonic is. */
final class Index {
    private static final String HEAD =
            """
            # Instructions by example

            For each mnemonic that programs can use in 64-bit mode, vectors: an instruction, what it was given, what it changed. The pages
            are made by running them, `InstructionCatalogueTest` runs them again as they stand here, and `bench/catalogue.sh` has the
            host's own processor do the same. [How to add one](../howto/add-an-instruction.md#4-the-catalogue).

            Mnemonics and operand codes are those of the tables of `dev.faultline.cpu.x86`: the SDM's opcode maps'. A vector begins with
            its assembly in Intel syntax and its bytes. Then come what it is about and what it changed; an empty cell is no change.

            | row | contents |
            |---|---|
            | `rax` ... `r15`, `rip`, `es` ..., `fsbase`, `gsbase`, `fcw` | hexadecimal |
            | `flags` | the flags that are 1; `-`: none |
            | `xmm0.i16`, `mm1.i8`, `[20000000].i32` | elements of that size, the lowest first: `i8` to `i64` hexadecimal, `f32` `f64` `f80` decimal. `[...]` is memory at that address |
            | `st0` ... `st7` | `empty`, decimal, or sign with exponent and significand |
            | `fsw`, `mxcsr` | hexadecimal, with the names of the bits that are 1; TOP is not in them if it is 0 |
            | `exception` | what the instruction raised, with its error code; then nothing else has changed unless it is told |
            | undefined | flags, condition codes of the FPU and bytes of memory that the SDM leaves open: nothing shows them afterwards, nothing compares them |
            | approximation | the SDM allows an error: another processor may give another last bit |

            What has no row is as at the start of a program: user mode and 64-bit code at 10000800, `rsp` 30000800, `flags` none (IF is 1),
            `fcw` 037F, `mxcsr` 1F80, all else 0 or empty. There is memory at 20000000 and at 30000000, 4096 bytes each.
            """;

    /** Of lines. */
    private static final int WIDTH = 130;

    private Index() {}

    static String text(List<Catalogue.Page> pages) {
        StringBuilder s = new StringBuilder(HEAD);
        int vectors = 0;
        int with = 0;
        int without = 0;
        for (Catalogue.Page p : pages) {
            s.append("\n## [").append(p.title).append("](").append(p.file()).append(")\n\n");
            s.append(links(p)).append("\n");
            if (!p.without.isEmpty()) {
                s.append("\nWithout a vector, and why: [")
                        .append(String.join(" ", p.without.keySet()))
                        .append("](")
                        .append(p.file())
                        .append("#without-a-vector)\n");
            }
            vectors += p.vectors.values().stream().mapToInt(List::size).sum();
            with += p.vectors.size();
            without += p.without.size();
        }
        s.append("\n%d mnemonics with %d vectors; %d without.\n".formatted(with, vectors, without));
        return s.toString();
    }

    private static String links(Catalogue.Page p) {
        StringBuilder s = new StringBuilder();
        int column = 0;
        for (String m : p.vectors.keySet()) {
            String link = "[" + m + "](" + p.file() + PageWriter.anchor(m) + ")";
            boolean wraps = column + link.length() >= WIDTH;
            s.append(column == 0 ? "" : wraps ? "\n" : " ").append(link);
            column = (wraps ? 0 : column) + link.length() + 1;
        }
        return s.toString();
    }
}
