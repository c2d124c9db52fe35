// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineStatistics;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a machine counted, for scripts: the keys that every run has. */
public final class MachineFacts {
    private MachineFacts() {}

    public static Map<String, Object> of(Machine machine) {
        MachineStatistics s = machine.statistics();
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("engine", machine.engine());
        String refusal = machine.engineRefusal();
        if (refusal != null) {
            m.put("engineRefusal", refusal);
        }
        m.put("faultStyle", machine.faultStyle());
        m.put("instructions", s.instructions());
        Map<String, Object> f = new LinkedHashMap<>();
        f.put("total", s.faults());
        Map<String, Object> origins = new LinkedHashMap<>();
        for (FaultOrigin o : FaultOrigin.values()) {
            origins.put(o.name(), s.faultsByOrigin().getOrDefault(o, 0L));
        }
        f.put("byOrigin", origins);
        f.put("byAccess", s.faultsByAccess());
        f.put("latencyNanos", latency(s));
        m.put("faults", f);
        m.put("serialBytes", machine.serial().bytesSent());
        m.put("ramBytes", machine.config().ramBytes());
        return m;
    }

    /**
     * Resolution times of faults: bounds of their log2 buckets, and how many there are by upper
     * bound.
     */
    private static Map<String, Object> latency(MachineStatistics s) {
        Map<String, Object> l = new LinkedHashMap<>();
        l.put("p50", s.faultLatencyNanos(0.5));
        l.put("p99", s.faultLatencyNanos(0.99));
        l.put("max", s.faultLatencyNanos(1));
        Map<String, Object> buckets = new LinkedHashMap<>();
        for (int i = 0; i < s.faultLatency().size(); i++) {
            if (s.faultLatency().get(i) != 0) {
                buckets.put(String.valueOf(2L << i), s.faultLatency().get(i));
            }
        }
        l.put("buckets", buckets);
        return l;
    }
}
