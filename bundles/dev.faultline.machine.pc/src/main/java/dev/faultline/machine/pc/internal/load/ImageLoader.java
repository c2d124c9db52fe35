// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Tells images apart by content and loads them. */
public final class ImageLoader {
    private static final long LARGEST_FILE = 1L << 30;
    private static final int TEXT_SAMPLE = 512;

    /** What a loader gets. */
    record Request(
            Path path,
            byte[] image,
            List<Module> modules,
            String commandLine,
            GuestRam ram,
            int vcpus,
            VcpuContext v) {
        MachineException bad(String what) {
            return new MachineException(path + ": " + what);
        }

        /**
         * @param what names it in the error
         */
        void requireRam(String what, long gpa, long bytes) throws MachineException {
            if (!ram.contains(gpa, bytes)) {
                throw bad(
                        "%s 0x%x..0x%x lies outside RAM, which ends at 0x%x: give the machine more memory"
                                .formatted(what, gpa, gpa + bytes, ram.lowEnd()));
            }
        }

        /**
         * @param given as the image has it
         * @param gpa what that means
         * @return {@code gpa}, which lies in RAM
         */
        long requireEntry(long given, long gpa) throws MachineException {
            if (gpa < 0 || gpa >= ram.lowEnd()) {
                throw bad(
                        "entry point 0x%x%s lies outside RAM, which ends at 0x%x; expected it inside a segment"
                                .formatted(
                                        given,
                                        given == gpa ? "" : ", physical 0x%x,".formatted(gpa),
                                        ram.lowEnd()));
            }
            return gpa;
        }
    }

    /** A file given beside the image. */
    record Module(Path path, byte[] bytes) {}

    /** A boot's image and modules, read from their files. */
    public record BootFiles(MachineConfig.Boot boot, byte[] image, List<byte[]> modules) {}

    private ImageLoader() {}

    /**
     * Loads {@code boot}'s image and modules into RAM and sets {@code v}, which is in its reset
     * state, to the image's entry state.
     *
     * @param vcpus of the machine
     * @throws MachineException with one line that names the file and what is wrong with it
     */
    public static void load(MachineConfig.Boot boot, GuestRam ram, int vcpus, VcpuContext v)
            throws MachineException {
        load(read(boot), ram, vcpus, v);
    }

    /**
     * Reads what {@code boot} names.
     *
     * @throws MachineException with one line that names the file and what is wrong with it
     */
    public static BootFiles read(MachineConfig.Boot boot) throws MachineException {
        byte[] image = read(boot.image(), "image");
        List<byte[]> modules = new ArrayList<>();
        for (Path m : boot.modules()) {
            modules.add(read(m, "module"));
        }
        return new BootFiles(boot, image, modules);
    }

    /**
     * As {@link #load(MachineConfig.Boot, GuestRam, int, VcpuContext)}, of files that were read.
     */
    public static void load(BootFiles files, GuestRam ram, int vcpus, VcpuContext v)
            throws MachineException {
        MachineConfig.Boot boot = files.boot();
        List<Module> modules = new ArrayList<>();
        for (int i = 0; i < files.modules().size(); i++) {
            modules.add(new Module(boot.modules().get(i), files.modules().get(i)));
        }
        String commandLine = boot.commandLine() == null ? "" : boot.commandLine();
        load(new Request(boot.image(), files.image(), modules, commandLine, ram, vcpus, v));
    }

    /** As the other, of what has been read. */
    static void load(Request r) throws MachineException {
        byte[] image = r.image();
        if (image.length == 0) {
            throw r.bad("is empty; expected a bzImage, a multiboot ELF or a flat binary");
        }
        BiosArea.write(r.ram());
        if (BzImage.recognises(image)) {
            BzImage.load(r);
        } else if (Multiboot.recognises(image)) {
            Multiboot.load(r);
        } else if (Elf.recognises(image)) {
            Pvh.load(r);
        } else if (isText(image)) {
            throw r.bad("is a text file; expected a bzImage, a multiboot ELF or a flat binary");
        } else {
            FlatBinary.load(r);
        }
        r.v().recompute();
    }

    private static byte[] read(Path path, String role) throws MachineException {
        try {
            if (Files.isDirectory(path)) {
                throw new MachineException(
                        path + ": is a directory; expected the " + role + " file");
            }
            long size = Files.size(path);
            if (size > LARGEST_FILE) {
                throw new MachineException(
                        "%s: has %d bytes; expected at most %d"
                                .formatted(path, size, LARGEST_FILE));
            }
            return Files.readAllBytes(path);
        } catch (NoSuchFileException e) {
            throw new MachineException(path + ": no such file; expected the " + role, e);
        } catch (IOException e) {
            throw new MachineException(path + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** Printable ASCII or UTF-8 from start to end of the sample; a boot sector or code never is. */
    private static boolean isText(byte[] image) {
        int n = Math.min(image.length, TEXT_SAMPLE);
        for (int i = 0; i < n; i++) {
            int b = image[i];
            if (b >= 0 && b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f'
                    || b == 0x7F) {
                return false;
            }
        }
        // A few code bytes may all happen to be printable: a text has a line end or some length.
        for (int i = 0; i < n; i++) {
            if (image[i] == '\n') {
                return true;
            }
        }
        return n >= 64;
    }
}
