// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The code bytes in a file of vectors, each once.
 *
 * @param mode 16, 32 or 64
 */
public record OracleCode(int mode, List<byte[]> code) {
    private static final HexFormat HEX = HexFormat.of();

    public static OracleCode read(Path file) throws IOException {
        try (OracleFile f = new OracleFile(Files.newInputStream(file))) {
            Set<String> all = new LinkedHashSet<>();
            for (OracleVector v = f.next(); v != null; v = f.next()) {
                all.add(HEX.formatHex(v.code));
            }
            return new OracleCode(f.mode, all.stream().map(HEX::parseHex).toList());
        }
    }
}
