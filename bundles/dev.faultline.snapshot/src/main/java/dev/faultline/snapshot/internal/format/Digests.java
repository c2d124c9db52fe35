// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32C;

/** Checksums of the format. */
public final class Digests {
    private Digests() {}

    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    public static int crc32c(byte[] b, int at, int n) {
        CRC32C c = new CRC32C();
        c.update(b, at, n);
        return (int) c.getValue();
    }
}
