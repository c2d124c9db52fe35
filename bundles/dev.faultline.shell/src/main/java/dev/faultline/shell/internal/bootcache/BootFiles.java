// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.api.vm.MachineConfig.Boot;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What a boot is made of: its files by their contents, and its command line. Immutable.
 *
 * @param digests of image and modules, in order: SHA-256, and the file's name if the guest is told
 *     it
 */
public record BootFiles(Boot boot, List<String> digests) {
    /** A multiboot header lies in these first bytes, on a multiple of 4. */
    private static final int MULTIBOOT_BYTES = 8192;

    private static final int MULTIBOOT_MAGIC = 0x1BADB002;
    private static final int AT_ONCE = 1 << 20;

    public BootFiles {
        digests = List.copyOf(digests);
    }

    /**
     * Reads all of the files.
     *
     * @throws IOException if one is not there, not readable or no file
     */
    public static BootFiles read(Boot boot) throws IOException {
        List<String> digests = new ArrayList<>();
        boolean named = tellsNames(boot.image());
        digests.add(digest(boot.image(), named));
        for (Path module : boot.modules()) {
            digests.add(digest(module, named));
        }
        return new BootFiles(boot, digests);
    }

    /** A multiboot guest gets the names of its files in its command lines. */
    private static boolean tellsNames(Path image) throws IOException {
        byte[] head;
        try (InputStream in = Files.newInputStream(regular(image))) {
            head = in.readNBytes(MULTIBOOT_BYTES);
        }
        ByteBuffer b = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        while (b.remaining() >= Integer.BYTES) {
            if (b.getInt() == MULTIBOOT_MAGIC) {
                return true;
            }
        }
        return false;
    }

    private static String digest(Path file, boolean named) throws IOException {
        MessageDigest sha = sha256();
        byte[] b = new byte[AT_ONCE];
        try (InputStream in = Files.newInputStream(regular(file))) {
            for (int n = in.read(b); n > 0; n = in.read(b)) {
                sha.update(b, 0, n);
            }
        }
        String hex = HexFormat.of().formatHex(sha.digest());
        return named ? hex + ' ' + file : hex;
    }

    /** Others, a pipe for example, give their contents once only, and the guest wants them too. */
    private static Path regular(Path file) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new IOException(file + " is not a regular file");
        }
        return file;
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
