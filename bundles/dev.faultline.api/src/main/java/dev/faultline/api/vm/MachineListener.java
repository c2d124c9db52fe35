// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Service (whiteboard): told of every machine, those included that exist when it is registered.
 * This is how an extension finds the machines it works on.
 *
 * <p>Calls to one listener never overlap. Once its service is unregistered no call is made or in
 * progress; what it left on machines (layers, serial listeners) it takes away itself, in its
 * {@code @Deactivate}. What one listener does to machines others may be told a little later. One
 * that throws is named in the log and told of the next event all the same.
 */
@ConsumerType
public interface MachineListener {
    /**
     * A machine was made, or was there already: its RAM is mapped; it may run. Once per machine,
     * before its other events.
     */
    default void machineCreated(Machine machine) {}

    /**
     * {@link Machine#start} was called; its vCPUs go when this returns. Each time, resuming
     * included.
     */
    default void machineStarting(Machine machine) {}

    /**
     * {@link Machine#close} was called: let go of the machine. Nothing of it is freed before this
     * returns; its vCPUs may still run.
     */
    default void machineClosing(Machine machine) {}
}
