// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import java.nio.charset.StandardCharsets;

/** The last bytes that a guest has sent. Any thread. */
final class SerialLog {
    private final byte[] ring;
    private long total;

    SerialLog(int capacity) {
        ring = new byte[capacity];
    }

    synchronized void add(byte[] bytes) {
        for (byte b : bytes) {
            ring[(int) (total++ % ring.length)] = b;
        }
    }

    /** Everything that is kept, without what a terminal would act on. */
    synchronized String text() {
        int kept = (int) Math.min(total, ring.length);
        byte[] out = new byte[kept];
        for (int i = 0; i < kept; i++) {
            out[i] = ring[(int) ((total - kept + i) % ring.length)];
        }
        return new String(out, StandardCharsets.UTF_8)
                .replaceAll("\u001b\\[[0-9;?]*[A-Za-z]", "")
                .replaceAll("[\\p{Cntrl}&&[^\n\t]]", "");
    }

    /** The last {@code lines} lines. */
    String tail(int lines) {
        String s = text().stripTrailing();
        int at = s.length();
        for (int i = 0; i < lines && at >= 0; i++) {
            at = s.lastIndexOf('\n', at - 1);
        }
        return s.substring(at + 1);
    }
}
