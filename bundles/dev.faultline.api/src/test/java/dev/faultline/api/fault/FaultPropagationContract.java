// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import java.lang.management.ManagementFactory;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every style must do: the same exits, whatever travels in between. */
public abstract class FaultPropagationContract {
    private final VcpuContext v = new VcpuContext(0);
    private FaultPropagation style;

    /** The style under test. */
    protected abstract FaultPropagation create();

    @BeforeEach
    void setUp() {
        style = create();
    }

    /**
     * An engine's loop in miniature: the contract is that a raised fault ends it, by return or by
     * throw.
     */
    private int faultingLoop(VcpuContext vcpu) {
        vcpu.fault.guest(14, 2);
        long hva = style.raise(vcpu);
        return hva < 0 ? VcpuLoop.EXIT_FAULT : VcpuLoop.EXIT_HALT;
    }

    /**
     * Propagation runs a loop; putting the vCPU back to the instruction's start is for whoever
     * called it.
     */
    private static VcpuLoop loop(ToIntFunction<VcpuContext> body) {
        return new VcpuLoop() {
            @Override
            public int loop(VcpuContext vcpu) {
                return body.applyAsInt(vcpu);
            }

            @Override
            public void unwound(VcpuContext vcpu) {
                throw new AssertionError("propagation does not unwind");
            }
        };
    }

    @Test
    void raisedFaultLeavesTheLoopWithItsRecord() {
        assertThat(style.run(loop(this::faultingLoop), v)).isEqualTo(VcpuLoop.EXIT_FAULT);
        assertThat(v.fault.kind).isEqualTo(PendingFault.GUEST);
        assertThat(v.fault.vector).isEqualTo(14);
        assertThat(v.fault.errorCode).isEqualTo(2);
    }

    @Test
    void otherExitsPassThrough() {
        assertThat(style.run(loop(x -> VcpuLoop.EXIT_HALT), v)).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(style.run(loop(x -> VcpuLoop.EXIT_REQUEST), v)).isEqualTo(VcpuLoop.EXIT_REQUEST);
        assertThat(style.run(loop(x -> VcpuLoop.EXIT_FAULT), v)).isEqualTo(VcpuLoop.EXIT_FAULT);
    }

    @Test
    void signalOfAnotherVcpuIsNotTakenForOurs() {
        VcpuContext other = new VcpuContext(1);
        VcpuLoop leaking =
                loop(x -> {
                    throw other.signal;
                });
        assertThatThrownBy(() -> style.run(leaking, v)).isSameAs(other.signal);
    }

    @Test
    void exceptionsOfTheEngineAreNotSwallowed() {
        VcpuLoop broken =
                loop(x -> {
                    throw new IllegalStateException("engine bug");
                });
        assertThatThrownBy(() -> style.run(broken, v)).hasMessage("engine bug");
    }

    @Test
    void faultAllocatesNothing() {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        VcpuLoop loop = loop(this::faultingLoop);
        int faults = runOften(loop, 20_000);
        long before = threads.getCurrentThreadAllocatedBytes();
        faults += runOften(loop, 20_000);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(faults).isEqualTo(40_000);
        assertThat(allocated).isLessThan(20_000);
    }

    private int runOften(VcpuLoop loop, int times) {
        int faults = 0;
        for (int i = 0; i < times; i++) {
            faults += style.run(loop, v) == VcpuLoop.EXIT_FAULT ? 1 : 0;
        }
        return faults;
    }
}
