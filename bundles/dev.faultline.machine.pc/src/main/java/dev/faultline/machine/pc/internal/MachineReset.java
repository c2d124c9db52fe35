// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.load.GuestRam;
import dev.faultline.machine.pc.internal.load.ImageLoader;
import java.util.concurrent.atomic.AtomicReference;

/**
 * RESET of a whole machine, and what it boots then. RAM is not cleared, as on a PC; the image is
 * loaded over it through protection, so that whoever fills, watches or copies pages sees it.
 */
final class MachineReset {
    private static final System.Logger LOG = System.getLogger(MachineReset.class.getName());
    private final PcMachine machine;
    private final RunControl control;
    private final MachineRam ram;
    private final DmaPorts dma;
    private volatile MachineConfig.Boot boot;

    MachineReset(PcMachine machine, RunControl control, MachineRam ram, DmaPorts dma) {
        this.machine = machine;
        this.control = control;
        this.ram = ram;
        this.dma = dma;
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
                            .formatted(machine.config().name()));
        }
        ImageLoader.BootFiles files = ImageLoader.read(b); // fails before anything is changed
        AtomicReference<MachineException> failed = new AtomicReference<>();
        standstill.quiesce(() -> failed.set(standing(files)));
        if (failed.get() != null) {
            throw failed.get();
        }
    }

    private MachineException standing(ImageLoader.BootFiles files) {
        control.renew("reset");
        try {
            for (VcpuRunner r : machine.runners()) {
                r.reset();
            }
            resetDevices();
            VcpuContext first = machine.vcpus().getFirst();
            ImageLoader.load(files, new Guarded(), machine.vcpus().size(), first);
            LegacyPics.program(machine.board());
            machine.mmu().flush(first);
            return null;
        } catch (Throwable e) { // engines and translations are others' code
            String why =
                    "reset failed: "
                            + (e instanceof MachineException ? e.getMessage() : Others.why(e));
            control.exit(new VcpuExit.Paused(why));
            control.renew(why);
            return e instanceof MachineException me
                    ? me
                    : new MachineException("machine " + machine.config().name() + ": " + why, e);
        }
    }

    /**
     * Each one's, whatever the one before did.
     *
     * @throws MachineException naming those that failed
     */
    private void resetDevices() throws MachineException {
        MachineException failed = null;
        dma.forgetStopped();
        for (Device d : machine.devices()) {
            if (d instanceof Resettable resettable) {
                try {
                    synchronized (machine.monitor(d)) {
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
            return ram.size();
        }

        @Override
        public void write(long gpa, byte[] from, int at, int bytes) {
            if (!contains(gpa, bytes)) {
                throw new IllegalArgumentException(
                        "gpa 0x%x, %d bytes: not RAM".formatted(gpa, bytes));
            }
            PageFault stopped = dma.write(gpa, from, at, bytes);
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
