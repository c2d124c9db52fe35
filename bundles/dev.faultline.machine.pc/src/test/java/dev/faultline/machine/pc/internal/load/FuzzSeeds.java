// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Images for the fuzz target; as a program, writes them for {@code bench/fuzz.sh}. */
public final class FuzzSeeds {
    private FuzzSeeds() {}

    public static void main(String[] args) throws Exception {
        Path home = Path.of(System.getProperty("faultline.fuzz.seeds"), "Image", "corpus");
        Files.createDirectories(home);
        List<byte[]> seeds = of();
        for (int i = 0; i < seeds.size(); i++) {
            Files.write(home.resolve("seed-" + i), seeds.get(i));
        }
    }

    static List<byte[]> of() {
        List<byte[]> seeds = new ArrayList<>();
        byte[][] images = {
            Images.bzImage(),
            Images.multibootElf(0x10_0000),
            Images.kludge(0x10_0000),
            Images.bzImage32(0x202),
            Images.bzImage32(0x20F),
            Images.pvh(),
            multiboot64(),
            "just a text\n".getBytes()
        };
        for (byte[] image : images) {
            for (int module : new int[] {0, 7}) {
                byte[] seed = new byte[1 + image.length + module];
                seed[0] = (byte) module;
                System.arraycopy(image, 0, seed, 1, image.length);
                seeds.add(seed);
            }
        }
        return seeds;
    }

    /** A 64-bit ELF with a multiboot header, linked high. */
    static byte[] multiboot64() {
        byte[] image = Images.elf64(0xC000_0000L, 0x10_0000, 0xC000_0004L, 1, 0);
        Images.header(Bytes.wrap(image), 0x180, 3);
        return image;
    }
}
