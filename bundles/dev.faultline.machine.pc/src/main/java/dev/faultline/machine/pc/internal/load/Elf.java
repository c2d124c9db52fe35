// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.vm.MachineException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * An ELF file for x86, 32-bit or 64-bit (System V ABI, "Object Files"), by its program headers. The
 * file is untrusted: everything is checked against its length and against RAM.
 */
final class Elf {
    static final int MAGIC = 0x464C_457F;
    private static final int EM_386 = 3;
    private static final int EM_X86_64 = 62;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int HEADER_32 = 52;
    private static final int HEADER_64 = 64;
    private static final int MOST_SEGMENTS = 1024;

    private final ImageLoader.Request r;
    private final byte[] image;
    private final boolean wide;
    private final long entry;
    private final List<Segment> segments = new ArrayList<>();
    private final List<Segment> notes = new ArrayList<>();

    /** A program header; addresses and sizes are unsigned and were not checked. */
    private record Segment(
            long offset, long virtual, long physical, long fileBytes, long memoryBytes) {}

    private Elf(ImageLoader.Request r) throws MachineException {
        this.r = r;
        image = r.image();
        wide = image.length > 4 && image[4] == 2;
        if (image.length < (wide ? HEADER_64 : HEADER_32)) {
            throw r.bad("is an ELF file cut off after %d bytes".formatted(image.length));
        }
        int machine = Bytes.u16(image, 18);
        boolean fits = image[4] == 1 || image[4] == 2 && machine == EM_X86_64;
        if (!fits || image[5] != 1 || machine != EM_386 && machine != EM_X86_64) {
            throw r.bad(
                    "is an ELF file of class %d, data %d, machine %d; expected a little-endian x86 ELF file, class 1 (32-bit) or 2 (64-bit), machine 3 or 62"
                            .formatted(image[4] & 0xFF, image[5] & 0xFF, machine));
        }
        entry = wide ? Bytes.i64(image, 24) : Bytes.u32(image, 24);
        readHeaders();
    }

    static boolean recognises(byte[] image) {
        return image.length >= 6 && Bytes.i32(image, 0) == MAGIC;
    }

    /**
     * @throws MachineException if it is none for x86, or damaged
     */
    static Elf of(ImageLoader.Request r) throws MachineException {
        return new Elf(r);
    }

    private void readHeaders() throws MachineException {
        long at = wide ? Bytes.i64(image, 32) : Bytes.u32(image, 28);
        int size = Bytes.u16(image, wide ? 54 : 42);
        int count = Bytes.u16(image, wide ? 56 : 44);
        if (count == 0
                || count > MOST_SEGMENTS
                || size < (wide ? 56 : 32)
                || at < 0
                || at > image.length
                || at + (long) size * count > image.length) {
            throw r.bad(
                    "is truncated or damaged: its %d program headers of %d bytes at 0x%x are not in the file, which has 0x%x bytes"
                            .formatted(count, size, at, image.length));
        }
        for (int i = 0; i < count; i++) {
            int h = (int) at + i * size;
            int type = Bytes.i32(image, h);
            if (type == PT_LOAD || type == PT_NOTE) {
                (type == PT_LOAD ? segments : notes).add(wide ? wide(h) : narrow(h));
            }
        }
    }

    private Segment narrow(int h) {
        return new Segment(
                Bytes.u32(image, h + 4),
                Bytes.u32(image, h + 8),
                Bytes.u32(image, h + 12),
                Bytes.u32(image, h + 16),
                Bytes.u32(image, h + 20));
    }

    private Segment wide(int h) {
        return new Segment(
                Bytes.i64(image, h + 8),
                Bytes.i64(image, h + 16),
                Bytes.i64(image, h + 24),
                Bytes.i64(image, h + 32),
                Bytes.i64(image, h + 40));
    }

    /**
     * Copies the loadable segments to their physical addresses.
     *
     * @param occupied gets their ranges
     */
    void load(Occupied occupied) throws MachineException {
        boolean any = false;
        for (Segment s : segments) {
            if (s.memoryBytes == 0) {
                continue;
            }
            any = true;
            requireInFile(s);
            if (s.memoryBytes < 0 || s.fileBytes > s.memoryBytes) {
                throw r.bad(
                        "is damaged: a segment has 0x%x bytes in the file and 0x%x in memory; expected no more than in memory"
                                .formatted(s.fileBytes, s.memoryBytes));
            }
            r.requireRam("segment", s.physical, s.memoryBytes);
            r.ram().write(s.physical, image, (int) s.offset, (int) s.fileBytes);
            r.ram().clear(s.physical + s.fileBytes, s.memoryBytes - s.fileBytes);
            occupied.add(s.physical, s.memoryBytes);
        }
        if (!any) {
            throw r.bad("has no loadable segment (PT_LOAD); expected at least one");
        }
    }

    private void requireInFile(Segment s) throws MachineException {
        if (s.offset < 0
                || s.fileBytes < 0
                || s.offset > image.length
                || s.fileBytes > image.length - s.offset) {
            throw r.bad(
                    "is truncated: a segment needs bytes 0x%x..0x%x of the file, which has 0x%x"
                            .formatted(s.offset, s.offset + s.fileBytes, image.length));
        }
    }

    /**
     * The physical address of the entry point. It is a virtual address if it lies in a segment's
     * virtual range; kernels that are linked high give it so.
     */
    long entry() throws MachineException {
        for (Segment s : segments) {
            if (entry - s.virtual >= 0 && entry - s.virtual < s.memoryBytes) {
                return r.requireEntry(entry, entry - s.virtual + s.physical);
            }
        }
        return r.requireEntry(entry, entry);
    }

    /**
     * The descriptor of a note, read as a little-endian number.
     *
     * @return -1 if there is no such note, or it is damaged
     */
    long note(String name, int type) {
        byte[] wanted = (name + "\0").getBytes(StandardCharsets.US_ASCII);
        for (Segment s : notes) {
            boolean inside =
                    s.offset >= 0
                            && s.fileBytes >= 0
                            && s.offset <= image.length
                            && s.fileBytes <= image.length - s.offset;
            if (inside) {
                long found = note((int) s.offset, (int) (s.offset + s.fileBytes), wanted, type);
                if (found >= 0) {
                    return found;
                }
            }
        }
        return -1;
    }

    private long note(int from, int end, byte[] wanted, int type) {
        long at = from;
        while (at + 12 <= end) {
            int h = (int) at;
            long nameBytes = Bytes.u32(image, h);
            long bytes = Bytes.u32(image, h + 4);
            long descriptor = at + 12 + (nameBytes + 3 & -4);
            long next = descriptor + (bytes + 3 & -4);
            if (descriptor + bytes > end) {
                return -1;
            }
            if (Bytes.i32(image, h + 8) == type
                    && nameBytes == wanted.length
                    && java.util.Arrays.equals(
                            image, h + 12, h + 12 + wanted.length, wanted, 0, wanted.length)) {
                int d = (int) descriptor;
                return bytes == 4
                        ? Bytes.u32(image, d)
                        : bytes == 8 ? Math.max(-1, Bytes.i64(image, d)) : -1;
            }
            at = next;
        }
        return -1;
    }
}
