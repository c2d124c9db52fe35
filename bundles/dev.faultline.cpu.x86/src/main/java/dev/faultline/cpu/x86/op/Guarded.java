// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Property;
import dev.faultline.cpu.x86.state.Faults;

/** An instruction that the table allows in some modes or at some privilege level only. */
public final class Guarded extends Op {
    private final Op op;
    private final boolean inProtectedMode;
    private final boolean atLevel0;

    private Guarded(Op op, Definition definition) {
        this.op = op;
        inProtectedMode = definition.is(Property.PROTECTED);
        atLevel0 = definition.is(Property.CPL0);
    }

    /** The same, behind the checks that its row asks for. */
    public static Op of(Op op, Definition definition) {
        boolean guarded = definition.is(Property.PROTECTED) || definition.is(Property.CPL0);
        // An operand that does not exist is #UD wherever it stands.
        return guarded && !(op instanceof Raise) ? new Guarded(op, definition) : op;
    }

    @Override
    public int execute(VcpuContext v) {
        if (inProtectedMode && (!v.protectedMode() || v.v86())) {
            return Faults.ud(v);
        }
        return atLevel0 && v.cpl != 0 ? Faults.gp(v, 0) : op.execute(v);
    }
}
