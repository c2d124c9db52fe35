// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/** Service: builds machines from the services that are present. */
@ProviderType
public interface MachineFactory {
    /**
     * @throws MachineException for a configuration out of range, or an engine, style or device that
     *     no bundle offers (the message lists those there are)
     */
    Machine create(MachineConfig config) throws MachineException;

    /**
     * The same over memory that the caller has.
     *
     * @throws MachineException also if a region has another size than was asked for
     */
    Machine create(MachineConfig config, RamSource ram) throws MachineException;

    /** Machines that are not closed. */
    List<Machine> machines();

    List<String> engines();

    List<String> faultStyles();

    List<String> devices();
}
