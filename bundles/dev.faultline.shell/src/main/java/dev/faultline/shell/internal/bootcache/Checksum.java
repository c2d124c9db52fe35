// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * CRC32C, as eight hexadecimal digits. It finds damage, at the speed of memory and before the JVM
 * has compiled anything; whether a page may be trusted, the snapshot's SHA-256 says.
 */
final class Checksum {
    private static final int AT_ONCE = 1 << 20;

    private Checksum() {}

    static String of(byte[] bytes, int length) {
        CRC32C c = new CRC32C();
        c.update(bytes, 0, length);
        return text(c);
    }

    static String of(Path file) throws IOException {
        CRC32C c = new CRC32C();
        ByteBuffer b = ByteBuffer.allocateDirect(AT_ONCE);
        try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
            while (in.read(b) >= 0) {
                c.update(b.flip());
                b.clear();
            }
        }
        return text(c);
    }

    private static String text(CRC32C c) {
        return HexFormat.of().toHexDigits((int) c.getValue());
    }
}
