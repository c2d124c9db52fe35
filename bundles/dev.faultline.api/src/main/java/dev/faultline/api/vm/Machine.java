// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A virtual machine: one thread per vCPU. Methods may be called from any thread unless they say
 * otherwise.
 */
@ProviderType
public interface Machine extends AutoCloseable {
    MachineConfig config();

    GuestMemory memory();

    RamProtection protection();

    Mmu mmu();

    GuestClock clock();

    /** The vCPUs' state; read or change it only while the machine is paused. */
    List<VcpuState> vcpus();

    SerialConsole serial();

    /** Loads an image into a machine that never ran. */
    void boot(MachineConfig.Boot boot) throws MachineException;

    /**
     * Names what {@link #reset} loads, for a machine whose RAM did not come from {@link #boot}, as
     * a restored one's. Nothing is read or loaded now.
     */
    void bootOnReset(MachineConfig.Boot boot);

    /**
     * The reset button: vCPUs and devices as after power-on, and the image of {@link #boot} or
     * {@link #bootOnReset} read from its files and loaded again, as firmware would. The rest of RAM
     * keeps its contents; so do rights, layers, listeners, guest time, and devices that are not
     * {@link dev.faultline.api.device.Resettable}. What protection says of a page that is loaded to
     * is obeyed: handlers are asked as for a device's write.
     *
     * <p>A machine that ran goes on from there; one that stood stands, and may be started whatever
     * its last exit was. May be called where {@link #quiesce} may.
     *
     * @throws MachineException if there is no image, it cannot be read or loaded, or a page's
     *     rights stay in the way; once something was changed the machine stands, paused, with that
     *     reason
     */
    void reset() throws MachineException;

    /** Starts or resumes all vCPUs; returns at once. */
    void start();

    /**
     * Stops all vCPUs at an instruction boundary; returns when they stand. Guest time stands too.
     * Idempotent.
     *
     * @throws IllegalStateException naming whom it waited for, if a vCPU or an alarm does not come
     *     to a stand in time; it stands as soon as it can
     */
    void pause(String reason);

    /**
     * Waits for the machine to come to a stand.
     *
     * @return the exit, or null if {@code limit} passed
     */
    @Nullable VcpuExit await(Duration limit) throws InterruptedException;

    boolean running();

    /**
     * Whether no vCPU has anything to do: each is in HLT, or was never started. A look, which may
     * be over when it is told; also of a machine that stands.
     */
    boolean idle();

    /**
     * Runs {@code action} with all vCPUs at an instruction boundary and guest time stopped, then
     * lets them go on if they ran.
     *
     * @throws IllegalStateException naming whom it waited for, if they do not stand in time; {@code
     *     action} was not run then
     */
    void quiesce(Runnable action);

    String engine();

    /**
     * Why its engine cannot run on this host as it is meant to, and does in another, slower way;
     * null: it can. Any thread.
     */
    default @Nullable String engineRefusal() {
        return null;
    }

    String faultStyle();

    /**
     * Swaps a running machine's engine or style. No guest work is lost or repeated. @throws
     * MachineException if there is no such service
     */
    void swapEngine(String engine) throws MachineException;

    void swapFaultStyle(String style) throws MachineException;

    MachineStatistics statistics();

    /**
     * State of vCPUs, devices and clock, without RAM. Only while paused or quiesced.
     *
     * @throws IllegalStateException also if a device cannot save its state; names it
     */
    List<StateSection> saveState();

    /**
     * Puts back what {@link #saveState} gave, into a machine of the same configuration that never
     * ran.
     */
    void loadState(List<StateSection> sections) throws MachineException;

    /** Called once, at the first retired instruction after {@link #start}. */
    void onFirstInstruction(Runnable action);

    /** Stops and frees everything. Idempotent. */
    @Override
    void close();
}
