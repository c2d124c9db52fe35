// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.state.Faults;

/** Raises one exception whenever it is executed. */
public final class Raise extends Op {
    public static final Raise UNDEFINED = new Raise(Faults.UD);
    private final int vector;
    private final int errorCode;

    public Raise(int vector) {
        this(vector, PendingFault.NO_ERROR_CODE);
    }

    public Raise(int vector, int errorCode) {
        this.vector = vector;
        this.errorCode = errorCode;
    }

    @Override
    public int execute(VcpuContext v) {
        return Faults.raise(v, vector, errorCode);
    }
}
