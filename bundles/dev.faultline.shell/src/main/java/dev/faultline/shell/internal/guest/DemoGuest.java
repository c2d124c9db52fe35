// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import dev.faultline.api.vm.MachineConfig;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A guest that the demo can boot, ask and compare. */
public interface DemoGuest extends AutoCloseable {
    String name();

    MachineConfig.Boot boot();

    /** What the guest says when it is ready to be asked. */
    String readyText();

    /** What ends the line that says so; empty if {@link #readyText} does. */
    String readyEnd();

    Duration bootLimit();

    /**
     * Asked of every machine after the snapshot, in this order; each must be answered the same by
     * all.
     */
    List<Request> requests();

    /**
     * Pages (gfn) that time changes, and which the comparison of memory leaves out; null: memory is
     * not compared at all.
     */
    @Nullable Set<Long> volatilePages(String bootOutput);

    /** What differs by nature between two answers, e.g. time stamps, taken out. */
    String normalise(String answer);

    @Override
    void close() throws IOException;

    /**
     * @param line what is sent
     * @param until what ends the answer
     * @param expected what a right answer contains, known without any emulator; empty if only
     *     sameness counts
     */
    record Request(String line, String until, Duration limit, String expected) {}
}
