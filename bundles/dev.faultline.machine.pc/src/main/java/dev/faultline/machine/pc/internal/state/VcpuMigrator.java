// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.fault.PendingFault;
import org.osgi.service.component.annotations.Component;

/**
 * Version 1 of a vCPU had registers in arrays by position, and neither debug conditions held over
 * nor INIT and start-up messages that had not been obeyed yet: none, then.
 */
@Component
public final class VcpuMigrator implements StateMigrator {
    private static final String[] CR = {"cr0", "cr2", "cr3", "cr4", "efer", "xcr0"};
    private static final String[] MSR = {
        "star", "lstar", "cstar", "fmask", "kernelGsBase", "sysenterCs", "sysenterEsp",
        "sysenterEip", "pat", "tscAux", "tscOffset", "miscEnable", "mtrrDefType", "specCtrl"
    };
    private static final String[] FPU = {
        "fpTag", "fcw", "fsw", "fop", "fip", "fdp", "fcs", "fds", "mxcsr"
    };
    private static final String[] PENDING = {
        "pendingVector", "pendingError", "pendingKind", "pendingLength"
    };

    @Override
    public String section() {
        return VcpuSection.PREFIX;
    }

    @Override
    public int from() {
        return 1;
    }

    @Override
    public int to() {
        return 2;
    }

    @Override
    public StateSection migrate(StateSection old) {
        StateSection s = old.withVersion(2);
        name(s, "cr", CR);
        name(s, "msr", MSR);
        name(s, "fpu", FPU);
        name(s, "pending", PENDING);
        if (s.has("injected")) {
            name(s, "injected", "injectedVector", "injectedError");
        } else {
            s.put("injectedVector", -1);
            s.put("injectedError", PendingFault.NO_ERROR_CODE);
        }
        s.put("pendingDebug", 0);
        s.put(VcpuSection.INIT, false);
        s.put(VcpuSection.STARTUP, VcpuSection.NO_SIPI);
        return s;
    }

    private static void name(StateSection s, String array, String... keys) {
        long[] values = new long[keys.length];
        s.getInto(array, values);
        s.remove(array);
        for (int i = 0; i < keys.length; i++) {
            s.put(keys[i], values[i]);
        }
    }
}
