// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.board.LegacyPics;
import dev.faultline.machine.pc.internal.load.GuestRam;
import dev.faultline.machine.pc.internal.load.ImageLoader;
import dev.faultline.machine.pc.internal.run.RunControl;
import dev.faultline.machine.pc.internal.run.Standstill;
import dev.faultline.machine.pc.internal.run.VcpuRunner;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * RESET of a whole machine, and what it boots then. RAM is not cleared, as on a PC; the image is
 * loaded over it through protection, so that whoever fills, watches or copies pages sees it.
 */
final class MachineReset {
    private static final System.Logger LOG = System.getLogger(MachineReset.class.getName());
    private final Wiring wiring;
    private final RunControl control;

    /** What to boot; null: nobody has said. */
    private volatile MachineConfig.@Nullable Boot boot;

    MachineReset(Wiring wiring) {
        this.wiring = wiring;
        control = wiring.control();
    }

    void boots(MachineConfig.Boot now) {
        boot = now;
    }

    /** As {@link dev.faultline.api.vm.Machine#reset}. */
    void press(Standstill standstill) throws MachineException {
        MachineConfig.Boot b = boot;
        if (b == null) {
            throw new MachineException(
                    "machine %s has no image to boot: its RAM did not come from one, and none was named"
                            .formatted(wiring.name));
        }
        ImageLoader.BootFiles files = ImageLoader.read(b); // fails before anything is changed
        AtomicReference<@Nullable MachineException> failed = new AtomicReference<>();
        standstill.quiesce(() -> failed.set(standing(files)));
        MachineException e = failed.get();
        if (e != null) {
            throw e;
        }
    }

    private @Nullable MachineException standing(ImageLoader.BootFiles files) {
        control.renew("reset");
        try {
            for (VcpuRunner r : wiring.runners) {
                r.reset();
            }
            resetDevices();
            VcpuContext first = wiring.vcpus[0];
            ImageLoader.load(files, new Guarded(), wiring.vcpus.length, first);
            LegacyPics.program(wiring.board);
            wiring.bindings.mmu().flush(first);
            return null;
        } catch (Throwable e) { // engines and translations are others' code
            String why =
                    "reset failed: "
                            + (e instanceof MachineException ? e.getMessage() : Others.why(e));
            control.exit(new VcpuExit.Paused(why));
            control.renew(why);
            return e instanceof MachineException me
                    ? me
                    : new MachineException("machine " + wiring.name + ": " + why, e);
        }
    }

    /**
     * Each one's, whatever the one before did.
     *
     * @throws MachineException naming those that failed
     */
    private void resetDevices() throws MachineException {
        MachineException failed = null;
        wiring.dma.forgetStopped();
        for (Device d : wiring.devices()) {
            if (d instanceof Resettable resettable) {
                try {
                    synchronized (wiring.board.monitor(d)) {
                        resettable.reset();
                    }
                } catch (Throwable e) { // devices are others' code
                    String what = "device " + d.id() + " failed in its reset: " + e;
                    LOG.log(System.Logger.Level.ERROR, what, e);
                    if (failed == null) {
                        failed = new MachineException(what, e);
                    } else {
                        failed.addSuppressed(e);
                    }
                }
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    /** RAM behind protection. */
    private final class Guarded implements GuestRam {
        private static final int CHUNK = 1 << 16;

        @Override
        public long size() {
            return wiring.ram.size();
        }

        @Override
        public void write(long gpa, byte[] from, int at, int bytes) {
            if (!contains(gpa, bytes)) {
                throw new IllegalArgumentException(
                        "gpa 0x%x, %d bytes: not RAM".formatted(gpa, bytes));
            }
            PageFault stopped = wiring.dma.write(gpa, from, at, bytes);
            if (stopped != null) {
                throw new IllegalStateException(
                        "the image cannot be loaded, nobody resolved " + stopped);
            }
        }

        @Override
        public void clear(long gpa, long bytes) {
            byte[] zeros = new byte[CHUNK];
            for (long done = 0; done < bytes; done += CHUNK) {
                write(gpa + done, zeros, 0, (int) Math.min(CHUNK, bytes - done));
            }
        }
    }
}
